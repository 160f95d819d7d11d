import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from './child.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** An nginx in front of a service. */
export interface LabNginx {
  url: string
  stop(): Promise<void>
}

/**
 * @param server What stands in its `server` block, besides where it listens.
 * @param more What stands beside the block.
 */
export async function startNginx(server: string, more = ''): Promise<LabNginx> {
  const folder = mkdtempSync(join(tmpdir(), 'deployer-nginx-'))
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')
  const http = `http { access_log off; ${temporary} ${more} server { listen 127.0.0.1:${port}; ${server} } }`
  writeFileSync(join(folder, 'nginx.conf'), `daemon off; user root; pid ${folder}/pid; error_log stderr; events {} ${http}\n`)
  const child = startChild('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { PATH: `${process.env['PATH']}:/usr/sbin` })
  const url = `http://127.0.0.1:${port}`
  await until('nginx', async () => {
    if (child.process.exitCode !== null) throw new Error(`nginx ended: ${child.output()}`)
    return (await fetch(url)).status > 0
  })
  return {
    url,
    async stop() {
      // Not killed: it has to end its worker.
      await child.stop('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

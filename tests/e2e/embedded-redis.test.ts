import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { useWorld } from '../support.ts'

const world = useWorld()

/** The Redis processes that work in a folder. */
function redisOf(folder: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const isRedis = readFileSync(`/proc/${entry}/comm`, 'utf8').trim() === 'redis-server'
      return isRedis && readlinkSync(`/proc/${entry}/cwd`) === folder ? [Number(entry)] : []
    } catch {
      return []
    }
  })
}

describe('the embedded Redis', () => {
  const folder = `${world.settings['DATA_DIR']}/redis`

  it('keeps jobs over a restart, has no port, and is not there without its parent', async () => {
    const stack = await world.addStack('kept', webFile('127.0.0.1:1/never-pulled'))
    const first = await world.start('all')
    const { body } = await first.client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
    expect(body.code).toBe('not_running')
    const [pid] = redisOf(folder)
    expect(pid).toBeTruthy()
    const sockets = readFileSync(`/proc/${pid}/net/tcp`, 'utf8') + readFileSync(`/proc/${pid}/net/tcp6`, 'utf8')
    const own = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    const inodes = own.flatMap((link) => /socket:\[(\d+)\]/.exec(link)?.[1] ?? [])
    expect(inodes.length).toBeGreaterThan(0)
    expect(inodes.filter((inode) => sockets.includes(` ${inode} `))).toEqual([])

    // What it holds are deploys and their logs.
    expect((statSync(folder).mode & 0o777).toString(8)).toBe('700')

    await first.stop()
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    // It goes last: who works with it misses nothing until his own end.
    expect(first.logLines().filter(({ level }) => level === 'error')).toEqual([])
    expect(first.logLines().at(-1)).toMatchObject({ event: 'worker_stopped' })
    const second = await world.start('all')
    const again = await second.client.plain('GET', `/jobs/${body.job_id}`, body.job_id)
    expect(again).toMatchObject({ status: 200, body: { job_id: body.job_id, code: 'not_running' } })

    const [next] = redisOf(folder)
    second.process.kill('SIGKILL')
    await until('the end of Redis', () => redisOf(folder).length === 0 && !existsSync(`/proc/${next}`))
    const third = await world.start('all')
    expect((await third.client.plain('GET', `/jobs/${body.job_id}`, body.job_id)).status).toBe(200)
  })

  it('has each answer on the disk before it gives it', async () => {
    await world.start('all', { DATA_DIR: `${world.root}/.flushed` })
    const [pid = 0] = redisOf(`${world.root}/.flushed/redis`)
    const socket = /\/\S+\.sock/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))?.[0] ?? ''
    const setting = async (name: string) => (await command('redis-cli', ['-s', socket, 'config', 'get', name])).trim().split('\n')[1]
    expect([await setting('appendonly'), await setting('appendfsync')]).toEqual(['yes', 'always'])
  })

  it('has its folder for itself: a second process with the same DATA_DIR does not start, and says why', async () => {
    const shared = { DATA_DIR: `${world.root}/.shared` }
    const first = await world.start('all', shared)
    const [pid] = redisOf(`${world.root}/.shared/redis`)
    await expect(world.start('all', { ...shared, WORKER_NAME: 'second' })).rejects.toThrow(/ended with 78.*the same DATA_DIR/s)
    expect(redisOf(`${world.root}/.shared/redis`)).toEqual([pid])
    expect((await first.client.raw('GET', '/ready')).status).toBe(200)
  })

  it('is started again as often as it dies, with what it had', async () => {
    const stack = await world.addStack('survivor', webFile('127.0.0.1:1/never-pulled'))
    const service = await world.start('all', { DATA_DIR: `${world.root}/.other` })
    const { body } = await service.client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
    const found = () => redisOf(`${world.root}/.other/redis`)
    for (let death = 0; death < 3; death++) {
      const pid = await until('Redis', () => found()[0])
      process.kill(pid, 'SIGKILL')
      await until('its end', () => !found().includes(pid))
      await until('the job to be readable again', async () => {
        const answer = await service.client.plain('GET', `/jobs/${body.job_id}`, body.job_id)
        return answer.status === 200
      })
    }
    const next = await until('a deploy', async () => {
      const answer = await service.client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
      return answer.status === 409 ? answer.body : null
    })
    expect(next.code).toBe('not_running')
  })
})

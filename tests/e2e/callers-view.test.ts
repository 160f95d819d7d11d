import { describe, expect, it } from 'vitest'
import { runDeployer } from '../../lab/run-deployer.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = `${registry}/callers-view:latest`
const { client } = await world.start('all')
await publishImage(engine, image, 'v1')
const stack = await world.addStack('view', webFile(image))
await stack.compose('up', '-d')

const releases = async (): Promise<any[]> => (await client.timed('GET', `/stacks/${stack.name}/releases`)).body.releases
const current = async () => (await releases()).find((one) => one.current)
const deploy = (expected?: Record<string, string>) =>
  client.timed('POST', `/deploy/${stack.name}?wait=true`, expected && { expect: expected })
/** What the registry calls the image that it has now. */
async function pushed(): Promise<string> {
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json'
  const { headers } = await fetch(`http://${registry}/v2/callers-view/manifests/latest`, { method: 'HEAD', headers: { accept } })
  return headers.get('docker-content-digest') ?? ''
}

describe('releases, plans and expectations, as callers see them', () => {
  it('a deploy of what was pushed makes a release with its digest', async () => {
    expect((await deployAndWait(client, stack.name)).status).toBe(200)
    await publishImage(engine, image, 'v2')
    const digest = await pushed()
    const deployed = await deploy({ web: digest })
    expect(deployed, deployed.text).toMatchObject({ status: 200, body: { expect: { web: digest }, source: 'request', by: 'default' } })
    expect(deployed.body.changes).toMatchObject([{ service: 'web', why: 'image', to_digest: digest }])
    const release = await current()
    expect(release).toMatchObject({ job_id: deployed.body.job_id, by: 'default', verified: true, services: { web: { image, digest } } })
    expect(deployed.body.release).toBe(release.number)
  })

  it('a plan says what a deploy would do, and does nothing', async () => {
    const before = await current()
    await publishImage(engine, image, 'v3')
    const digest = await pushed()
    const planned = await client.timed('POST', `/stacks/${stack.name}/plan?wait=true`)
    expect(planned, planned.text).toMatchObject({ status: 200, body: { action: 'plan', ok: true, refusal: null, changes: [] } })
    const from = before.services.web.digest
    expect(planned.body.plan).toMatchObject([{ service: 'web', image, action: 'recreate', why: 'image', from, to: digest }])
    expect(await current()).toEqual(before)
    expect(await stack.page()).toBe('v2')
  })

  it('another image than the expected one changes nothing', async () => {
    const refused = await deploy({ web: `sha256:${'0'.repeat(64)}` })
    expect(refused, refused.text).toMatchObject({ status: 409, body: { code: 'wrong_image', changes: [] } })
    expect(await stack.page()).toBe('v2')
  })

  it('a release is gone back to by its number', async () => {
    expect((await deploy()).status).toBe(200)
    await untilPage(stack, 'v3')
    const [, , first] = await releases()
    const back = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`, { to: first.number })
    expect(back, back.text).toMatchObject({ status: 200, body: { action: 'rollback', to: first.number, ok: true, release: first.number } })
    await untilPage(stack, 'v1')
    expect(await current()).toMatchObject({ number: first.number })
  })

  it('the command line tells that a deploy would be refused', async () => {
    await stack.compose('stop', '-t', '0')
    const { code, stdout } = await runDeployer(['plan', stack.name], { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret })
    expect([code, stdout]).toEqual([3, expect.stringContaining('a deploy would be refused: not_running')])
  })
})

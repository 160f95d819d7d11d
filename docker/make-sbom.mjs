// Writes the image's bill of materials (CycloneDX 1.6) to standard output: the npm packages that were installed, Node, and the Debian
// packages out of which files were copied. Runs in the build, so that the list is of what is there and not of what should be.
// Arguments: the folder of the installation, and the files that were copied from Debian.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

const [folder, ...copied] = process.argv.slice(2)
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

const components = [...npmPackages(), nodeItself(), ...debianPackages()].sort((a, b) => (a.purl < b.purl ? -1 : 1))
const subject = { type: 'container', name: manifest.name, version: manifest.version, 'bom-ref': manifest.name }
const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  serialNumber: `urn:uuid:${randomUUID()}`,
  version: 1,
  metadata: { timestamp: new Date().toISOString(), component: { ...subject, licenses: [{ license: { id: manifest.license } }] } },
  components,
}
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`)

/** Every package in pnpm's store of the installation. */
function npmPackages() {
  const store = join(folder, 'node_modules/.pnpm')
  const found = new Map()
  for (const entry of readdirSync(store)) {
    const modules = join(store, entry, 'node_modules')
    if (!existsSync(modules) || entry === 'node_modules') continue
    const names = readdirSync(modules).flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((sub) => `${name}/${sub}`) : [name],
    )
    for (const name of names) {
      const file = join(modules, name, 'package.json')
      if (!existsSync(file)) continue
      const { version, license } = JSON.parse(readFileSync(file, 'utf8'))
      const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
      found.set(purl, {
        ...component(name, version, purl),
        ...(typeof license === 'string' ? { licenses: [{ expression: license }] } : {}),
      })
    }
  }
  return found.values()
}

function nodeItself() {
  const version = process.versions.node
  return component('node', version, `pkg:generic/node@${version}`)
}

/** The packages that own the files. Libraries may be asked for by a path that leads through a link. */
function debianPackages() {
  const owners = new Set(copied.flatMap((file) => [file, realpathSync(file), realpathSync(file).replace(/^\/usr/, '')]).flatMap(owner))
  return [...owners].map((name) => {
    const [version, architecture] = execFileSync('dpkg-query', ['-W', '-f', '${Version} ${Architecture}', name], {
      encoding: 'utf8',
    }).split(' ')
    return component(name, version, `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`)
  })
}

function owner(file) {
  try {
    const answer = execFileSync('dpkg', ['-S', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    // Other lines tell of diversions.
    return [...answer.matchAll(/^([a-z0-9.+-]+)(?::\w+)?: \//gm)].map(([, name]) => name)
  } catch {
    return []
  }
}

function component(name, version, purl) {
  return { type: 'library', name, version, purl, 'bom-ref': purl }
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { NODE_OPTIONS } from './node-options.mjs'

it.each(['Dockerfile', 'docker/warm-compile-cache.sh'])('are those of %s too', (file) => {
  const text = readFileSync(join(import.meta.dirname, '..', file), 'utf8').replaceAll('", "', ' ')
  expect(text).toContain(`node ${NODE_OPTIONS.join(' ')} launcher/main.ts`)
})

import Ajv from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { Job } from '@deployer/shared/job'
import { queuedAt } from '@deployer/shared/queued-job'
import { openApiDocument } from './document.ts'
import {
  canceledExample,
  deployedExample,
  failedExample,
  plannedExample,
  queuedExample,
  rolledBackExample,
  runningExample,
} from './examples.ts'

const document = openApiDocument()
const ajv = new Ajv.default({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema(document, 'openapi')

/** Every example with the place of its schema. */
function examplesIn(node: unknown, path: string[] = []): { path: string[]; example: unknown }[] {
  if (typeof node !== 'object' || node === null) return []
  const own = 'example' in node && 'schema' in node ? [{ path: [...path, 'schema'], example: node.example }] : []
  const named =
    'examples' in node && 'schema' in node
      ? Object.values(node.examples as Record<string, { value: unknown }>).map(({ value }) => ({
          path: [...path, 'schema'],
          example: value,
        }))
      : []
  return [...own, ...named, ...Object.entries(node).flatMap(([key, child]) => examplesIn(child, [...path, key]))]
}

/** Every JSON answer without an example: a page would make one up. */
function withoutExample(node: unknown, path: string[] = []): string[] {
  if (typeof node !== 'object' || node === null) return []
  const isJson = path.at(-1)?.endsWith('json') && 'schema' in node
  const own = isJson && !('example' in node) && !('examples' in node) ? [path.join(' ')] : []
  return [...own, ...Object.entries(node).flatMap(([key, child]) => withoutExample(child, [...path, key]))]
}

describe('the examples of the document', () => {
  it('fit their schemas', () => {
    const found = examplesIn(document.paths, ['paths'])
    expect(found.length).toBeGreaterThan(10)
    for (const { path, example } of found) {
      const pointer = path.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      const validate = ajv.compile({ $ref: `openapi#/${pointer.join('/')}` })
      expect(validate(example), `${path.join(' ')}: ${ajv.errorsText(validate.errors)}`).toBe(true)
    }
  })

  it('are there for every answer', () => {
    expect(withoutExample(document.paths)).toEqual([])
  })

  it('are possible: a job’s times follow each other and fit its id and its steps', () => {
    const ended = [deployedExample, rolledBackExample, plannedExample]
    for (const job of [queuedExample, runningExample, ...ended, ...ended.map(failedExample), canceledExample]) {
      expect(Job.parse(job)).toEqual(job)
      expect([job.queued_at, job.status_url]).toEqual([queuedAt(job.job_id), `/jobs/${job.job_id}`])
      if (job.started_at === null || job.finished_at === null) continue
      expect(job.queued_at < job.started_at).toBe(true)
      const took = Date.parse(job.finished_at) - Date.parse(job.started_at)
      expect(took).toBeGreaterThanOrEqual(job.steps.reduce((sum, { duration_ms }) => sum + duration_ms, 0))
    }
  })
})

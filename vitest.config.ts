import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const patience = { testTimeout: 240_000, hookTimeout: 400_000 }
/** Vitest begins with the largest files where it does not know how long they take. These are small and take minutes: begun last, all would wait for them. */
const LONG = /\/tests\/(?:chaos|simulation)\//

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.sort((a, b) => Number(LONG.test(b.moduleId)) - Number(LONG.test(a.moduleId)))
  }
}

/** Most of the time they wait, for a health check or a lock: more of them at once than there are cores. */
const together = {
  maxWorkers: 5,
  sequence: { groupOrder: 0 },
  // A file's own modules are made anew for it; those of the product and the lab, which keep nothing, are loaded once for all files of a worker.
  isolate: false,
}

export default defineConfig({
  test: {
    globalSetup: ['tests/global-setup.ts'],
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['apps/**/*.test.ts', 'packages/**/*.test.ts', 'launcher/**/*.test.ts', 'scripts/**/*.test.ts'],
          ...patience,
          ...together,
        },
      },
      { test: { name: 'simulation', include: ['tests/simulation/**/*.test.ts'], ...patience, ...together } },
      { test: { name: 'e2e', include: ['tests/{e2e,chaos,watch}/**/*.test.ts'], ...patience, ...together } },
      // What is held against a time or a ratio has the machine to itself, and so has Chromium, which gives up requests when networks come and go.
      { test: { name: 'alone', include: ['tests/alone/**/*.test.ts'], ...patience, fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
})

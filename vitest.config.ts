import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          globalSetup: ['test/stand-in.ts'],
          include: ['src/**/*.test.ts', 'lab/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/bench/**', 'test/browser/**', '**/*.lab.test.ts', '**/node_modules/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Needs a browser; the sites are in memory. One after the other: a browser takes more than one core.
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 90_000,
        },
      },
      {
        // Needs root and the real lab. One file after the other: they share two sites on one machine.
        test: {
          name: 'lab',
          include: ['test/e2e/**/*.test.ts', 'src/**/*.lab.test.ts'],
          globalSetup: ['test/e2e/teardown.ts'],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 900_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
})

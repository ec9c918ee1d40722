/** How a command ended. Apart from `exit.ts`, so that commands which need no site load nothing of the engines. */
export const exit = { done: 0, problems: 1, failed: 2, person: 3, usage: 64 } as const

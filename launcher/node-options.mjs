// How Node runs the roles outside of the image, whose Dockerfile says the same. A small young generation and a heap that grows in small
// steps keep a process small that mostly waits; compiled code that is kept makes the next start a fast one.
import { fileURLToPath } from 'node:url'

export const NODE_OPTIONS = ['--max-semi-space-size=4', '--heap-growing-percent=80']
export const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url))

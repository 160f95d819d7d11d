// How Node runs the roles outside of the image, whose Dockerfile says the same. A small young generation keeps a process small that mostly
// waits, and compiled code that is kept makes the next start a fast one.
import { fileURLToPath } from 'node:url'

export const NODE_OPTIONS = ['--max-semi-space-size=4']
export const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url))

/** Options of Node for the roles, outside of the image. */
export const NODE_OPTIONS: string[]
/** The folder in which Node keeps compiled code. */
export const COMPILE_CACHE: string

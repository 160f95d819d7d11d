import manifest from '../package.json' with { type: 'json' }

/** The version of Deployer that runs. */
export const version: string = manifest.version

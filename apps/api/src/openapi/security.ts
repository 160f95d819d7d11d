import type { ZodOpenApiComponentsObject, ZodOpenApiOperationObject } from 'zod-openapi'

/** The ways to prove oneself, of which any one does. */
export const SECURITY: NonNullable<ZodOpenApiOperationObject['security']> = [
  { signature: [] },
  { signature: [], keyId: [] },
  { timestampedSignature: [], timestamp: [] },
  { timestampedSignature: [], timestamp: [], keyId: [] },
  { token: [] },
]

/** Where a plain signature does not do. */
export const TIMESTAMPED = {
  description: 'Needs a timestamped signature or a token.',
  security: [{ timestampedSignature: [], timestamp: [] }, { timestampedSignature: [], timestamp: [], keyId: [] }, { token: [] }],
}

/** What they are made of. */
export const SECURITY_SCHEMES: NonNullable<ZodOpenApiComponentsObject['securitySchemes']> = {
  signature: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Signature',
    description: 'Plain: the hex HMAC-SHA-256 of the raw body, or of the last variable part of the path when the body is empty.',
  },
  timestampedSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Signature',
    description: 'The hex HMAC-SHA-256 of `timestamp.METHOD.path.body`, with the timestamp in `X-Timestamp`.',
  },
  timestamp: { type: 'apiKey', in: 'header', name: 'X-Timestamp', description: 'Unix seconds.' },
  keyId: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Key-Id',
    description: 'The id of the scoped key under whose secret the signature is made; without it, that is DEPLOY_SECRET.',
  },
  githubSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Hub-Signature-256',
    description:
      "GitHub's webhook signature, under the secret of the scoped key that `?key=` names; taken as plain. Gitea and Forgejo send `X-Gitea-Signature` and `X-Forgejo-Signature`.",
  },
  gitlabToken: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Gitlab-Token',
    description: "GitLab's token: the secret of the scoped key that `?key=` names; taken as plain.",
  },
  giteaSignature: { type: 'apiKey', in: 'header', name: 'X-Gitea-Signature', description: "Gitea's and Forgejo's webhook signature." },
  hookAuthorization: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: "The hook's secret, with or without a scheme before it: Harbor and distribution.",
  },
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An OpenID Connect token that a rule of the keys file fits.',
  },
  metricsToken: { type: 'http', scheme: 'bearer', description: 'METRICS_TOKEN.' },
}

import { expect, it } from 'vitest'
import { imageRepository, spellings } from './image-repository.ts'

it.each([
  ['nginx', 'docker.io/library/nginx'],
  ['nginx:1.27@sha256:abc', 'docker.io/library/nginx'],
  ['library/nginx', 'docker.io/library/nginx'],
  ['docker.io/nginx', 'docker.io/library/nginx'],
  ['docker.io/library/nginx:latest', 'docker.io/library/nginx'],
  ['index.docker.io/me/app', 'docker.io/me/app'],
  ['registry-1.docker.io/library/redis:8', 'docker.io/library/redis'],
  ['me/app:1', 'docker.io/me/app'],
  ['localhost/app', 'localhost/app'],
  ['localhost:5000/app', 'localhost:5000/app'],
  ['127.0.0.1:5000/team/app:v1', '127.0.0.1:5000/team/app'],
  ['GHCR.io/Me/App', 'ghcr.io/me/app'],
  ['registry.example.com:443/a/b/c@sha256:abc', 'registry.example.com:443/a/b/c'],
  ['', 'docker.io/library/'],
])('%s is in %s', (name, expected) => {
  const { host, path } = imageRepository(name)
  expect(`${host}/${path}`).toBe(expected)
})

it('of Docker Hub has its short spellings too', () => {
  expect(spellings(imageRepository('nginx:1'))).toEqual(['docker.io/library/nginx', 'library/nginx', 'nginx'])
  expect(spellings(imageRepository('me/app'))).toContain('me/app')
  expect(spellings(imageRepository('ghcr.io/me/app'))).toEqual(['ghcr.io/me/app'])
})

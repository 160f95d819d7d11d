import { describe, expect, it } from 'vitest'
import { chooseWords } from './choose-words.ts'

describe('chooseWords', () => {
  it.each([
    [undefined, 'en'],
    ['', 'en'],
    ['pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7', 'pt'],
    ['en-GB,pt;q=0.9', 'en'],
    ['de-DE, pt;q=0.5, en;q=0.4', 'pt'],
    ['fr', 'en'],
    ['pt;q=0, en;q=0.1', 'en'],
    ['constructor, __proto__', 'en'],
  ])('%s is answered in %s', (header, lang) => {
    expect(chooseWords(header).lang).toBe(lang)
  })
})

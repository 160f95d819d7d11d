import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The fenced blocks of a page in one language. @param page Its path in the repository. */
export function docBlocks(page: string, language: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '..', page), 'utf8')
  const found = text.matchAll(new RegExp(`^([ ]*)\`\`\`${language}\\n([^]*?)^[ ]*\`\`\`$`, 'gm'))
  return [...found].map(([, indent = '', block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
}

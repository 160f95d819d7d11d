import { en, type Words } from './en.ts'
import { pt } from './pt.ts'

const DICTIONARIES = new Map<string, Words>([
  ['en', en],
  ['pt', pt],
])

/** The dictionary that a browser's Accept-Language likes best; English where it has none of them. */
export function chooseWords(header: string | undefined): Words {
  const wishes = (header ?? '').split(',').map((part) => {
    const [range = '', ...parameters] = part.trim().toLowerCase().split(';')
    const weight = parameters.map((one) => /^\s*q=([\d.]+)$/.exec(one)?.[1]).find((one) => one !== undefined)
    return { lang: range.split('-')[0] ?? '', weight: weight === undefined ? 1 : Number(weight) }
  })
  const known = wishes.filter(({ lang, weight }) => DICTIONARIES.has(lang) && weight > 0).sort((a, b) => b.weight - a.weight)
  return DICTIONARIES.get(known[0]?.lang ?? 'en') ?? en
}

/**
 * Whether a text fits a glob: `*` stands for any characters (slashes included), `?` for one, everything else for itself.
 * Takes at most text × pattern steps, whatever the pattern: one that backtracks could be made to hang by a token's claims.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0
  let inGlob = 0
  let star = -1
  let starAt = 0
  while (at < text.length) {
    if (glob[inGlob] === '*') {
      star = inGlob++
      starAt = at
    } else if (inGlob < glob.length && (glob[inGlob] === '?' || glob[inGlob] === text[at])) {
      inGlob++
      at++
    } else if (star >= 0) {
      // The last star takes one character more.
      inGlob = star + 1
      at = ++starAt
    } else return false
  }
  while (glob[inGlob] === '*') inGlob++
  return inGlob === glob.length
}

/** Something that was looked at on a host. */
export interface Finding {
  /** `ok`; `hint`: better otherwise, but it works; `mend`: it does not work, or does damage. */
  level: 'ok' | 'hint' | 'mend'
  /** What was found. No full stop. */
  what: string
  /** What to do about it; empty where there is nothing to do. */
  todo: string
}

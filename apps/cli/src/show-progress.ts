import ora from 'ora'
import { printable } from '@deployer/shared/printable'
import type { Terminal } from './context.ts'
import type { JobListener } from './follow.ts'
import { formatDuration } from './format.ts'

/** Steps as they come: a line that moves on a terminal, plain lines elsewhere. */
export interface Progress extends JobListener {
  stop(): void
}

/** @param label What is being done. */
export function showProgress(terminal: Terminal, label: string): Progress {
  if (!terminal.interactive) {
    return {
      stepEnds: ({ name, ok, duration_ms }) => terminal.say(`${ok ? '✓' : '✗'} ${name}  ${formatDuration(duration_ms)}`),
      stop: () => undefined,
    }
  }
  const began = performance.now()
  const spinner = ora({ text: label, stream: process.stderr }).start()
  let step = 'queued'
  let line = ''
  const draw = () => {
    const room = Math.max(20, process.stderr.columns - 40)
    spinner.text = `${label}  ${step}  ${formatDuration(Math.round(performance.now() - began))}  ${line.slice(0, room)}`
  }
  const timer = setInterval(draw, 100)
  return {
    stepBegins(name) {
      step = name
      line = ''
      draw()
    },
    log(_, text) {
      line = printable(text)
    },
    stepEnds({ name, ok, duration_ms }) {
      spinner[ok ? 'succeed' : 'fail'](`${name}  ${formatDuration(duration_ms)}`)
      spinner.start(label)
    },
    stop() {
      clearInterval(timer)
      spinner.stop()
    },
  }
}

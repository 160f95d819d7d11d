import type { Growth } from './growth.ts'

/** A line of a chart. */
interface Series {
  name: string
  color: string
  values: number[]
}

const WIDTH = 320
const HEIGHT = 260
const INSET = { left: 56, right: 16, top: 46, bottom: 44 }
const INK = '#24292f'
const FAINT = '#d0d7de'

/** Draws how cost grows: three charts side by side, as SVG. */
export function drawGrowth({ stacks, apis }: Growth): string {
  const counts = stacks.map((point) => point.stacks.toLocaleString('en'))
  const charts = [
    drawChart('Deploys a second', 'stacks', counts, [
      { name: 'deploys/s', color: '#0969da', values: stacks.map((point) => point.deploysPerSecond) },
    ]),
    drawChart('Memory, MB', 'stacks', counts, [
      { name: 'API and worker', color: '#0969da', values: stacks.map((point) => point.memory) },
      { name: 'Redis', color: '#cf222e', values: stacks.map((point) => point.redisMemory) },
    ]),
    drawChart(
      'Requests accepted a second',
      'API processes',
      apis.map((point) => String(point.processes)),
      [{ name: 'requests/s', color: '#0969da', values: apis.map((point) => point.requestsPerSecond) }],
    ),
  ]
  const placed = charts.map((chart, index) => `<g transform="translate(${index * WIDTH} 0)">${chart}</g>`).join('\n')
  const size = `width="${charts.length * WIDTH}" height="${HEIGHT}" viewBox="0 0 ${charts.length * WIDTH} ${HEIGHT}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12" fill="${INK}">
<rect width="100%" height="100%" fill="#ffffff"/>
${placed}
</svg>
`
}

function drawChart(title: string, axis: string, labels: string[], series: Series[]): string {
  const top = niceCeiling(Math.max(...series.flatMap(({ values }) => values)))
  const x = (index: number) => INSET.left + ((WIDTH - INSET.left - INSET.right) * (index + 0.5)) / labels.length
  const y = (value: number) => HEIGHT - INSET.bottom - ((HEIGHT - INSET.top - INSET.bottom) * value) / top
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * top)
    const line = `<line x1="${INSET.left}" x2="${WIDTH - INSET.right}" y1="${at}" y2="${at}" stroke="${FAINT}"/>`
    return `${line}${text(INSET.left - 6, at + 4, (share * top).toLocaleString('en'), 'end')}`
  })
  const lines = series.map(({ color, values }) => {
    const points = values.map((value, index) => `${x(index)},${y(value)}`)
    const dots = points.map((point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3.5" fill="${color}"/>`)
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join('')}`
  })
  const legend = series.length < 2 ? [] : series.map(({ name, color }, index) => text(INSET.left + index * 110, 36, name, 'start', color))
  return [
    text(INSET.left, 18, title, 'start', INK, 'bold'),
    ...legend,
    ...grid,
    ...labels.map((label, index) => text(x(index), HEIGHT - INSET.bottom + 18, label, 'middle')),
    text((INSET.left + WIDTH - INSET.right) / 2, HEIGHT - 8, axis, 'middle'),
    ...lines,
  ].join('\n')
}

function text(x: number, y: number, content: string, anchor: string, color = INK, weight = 'normal'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${color}" font-weight="${weight}">${content}</text>`
}

/** The next number of 1, 2, 4 or 8 times a power of ten, so that quarters of it are short numbers. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 4, 8, 10].find((step) => step * power >= value) ?? 10) * power
}

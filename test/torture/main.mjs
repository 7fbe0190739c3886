// `npm run torture [minutes]`: kills servers under load for as long as one likes (10 minutes by default), in rounds of
// twenty kills, each with a seed of its own. Ends at the first round that lost, doubled or reordered something.
import { torture } from './run.mjs'

const minutes = Number(process.argv[2] ?? 10)
const until = Date.now() + minutes * 60_000
let kills = 0
let acknowledged = 0

for (let seed = Date.now(); Date.now() < until; seed++) {
  const report = await torture({ kills: 20, seed })
  kills += report.kills
  acknowledged += report.acknowledged
  const { lost, doubled, outOfOrder } = report
  const faults = lost.length + doubled.length + outOfOrder.length
  console.log(
    `seed ${seed}: ${kills} kills, ${acknowledged} acknowledged in all, ${report.repeated} repeated in this round, ${faults} faults`,
  )
  if (faults > 0) {
    console.error({ seed, lost, doubled, outOfOrder })
    process.exit(1)
  }
}

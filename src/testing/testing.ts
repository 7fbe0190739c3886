export { type Bench, type BenchOptions, openBench, type Post } from './bench.js'
export { type DescribeStoreOptions, describeStore } from './describe-store.js'
export { ManualClock } from './manual-clock.js'

export { type DescribeStoreOptions, describeStore } from './describe-store.js'
export { ManualClock } from './manual-clock.js'

import { memoryStore } from '../../src/store/memory/memory-store.js'
import { describeStore } from '../../src/testing/describe-store.js'

describeStore({ name: 'memory', open: () => Promise.resolve(memoryStore()) })

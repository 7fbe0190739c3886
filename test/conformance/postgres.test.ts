import { describeStore } from '../../src/testing/describe-store.js'
import { emptyStore } from '../store/postgres/support/schema.js'

describeStore({ name: 'postgres', open: () => emptyStore() })

import { describeStore } from '../../src/testing/describe-store.js'
import { emptyStore } from '../store/postgres/support/schema.js'
import { byItself } from '../store/postgres/support/settled.js'

describeStore({ name: 'postgres', open: async () => byItself(await emptyStore()) })

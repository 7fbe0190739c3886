import { describeStore } from '../../src/testing/describe-store.js'
import { emptyStore } from '../store/postgres/support/schema.js'

describeStore({
  name: 'postgres',
  open: () => emptyStore(),
  exempt: {
    'no delivery is given back that way under an epoch that is over, or that never was':
      'the command brings no instant, and by the clock of the database this lease runs on (test/store/postgres/leases.test.ts)',
  },
})

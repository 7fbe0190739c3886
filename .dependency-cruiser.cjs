// The arrows: who may import whom. `npm run verify` holds them, so nobody has to.
//
//   core, errors.ts   each other, downwards          receiver   store
//   model             core                           sender     store
//   store             model                          scope      store, receiver, the sender's send
//   verify            core                           workflow   scope, store
//   intake            verify, store
//
// Everyone may use options.ts, model, core and errors.ts. What puts the parts together (server.ts and the files
// beside it) and testing may import everything; nobody imports them, except index.ts, which lists the public names.

const basis = ['options\\.ts$', 'model/', 'core/', 'errors\\.ts$']
const composition =
  '(server|parts|closing|declarations|health|open-store|passes|proof-visits|receivers)\\.ts$'

/** What each part may import besides itself. */
const arrows = {
  'errors\\.ts$': ['core/'],
  'core/': ['errors\\.ts$'],
  'model/': ['core/', 'errors\\.ts$', 'options\\.ts$'],
  'options\\.ts$': ['model/', 'core/', 'errors\\.ts$', 'store/store\\.ts$'],
  'store/': basis,
  'verify/': basis,
  'intake/': [...basis, 'verify/', 'store/'],
  'receiver/': [...basis, 'store/'],
  'sender/': [...basis, 'store/'],
  'scope/': [...basis, 'store/', 'receiver/', 'sender/send(\\.ts$|/)'],
  'workflow/': [...basis, 'store/', 'scope/'],
}

/** Each library has one home. (check-arrows.mjs holds this too for one that is loaded by a name in quotes.) */
const homes = {
  undici: 'src/sender/transport\\.ts$',
  'ipaddr.js': 'src/core/ip-ranges\\.ts$',
  devalue: 'src/model/value\\.ts$',
  'p-timeout': 'src/',
  pg: 'src/store/postgres/',
  libsql: 'src/store/sqlite/driver\\.ts$',
  'node:sqlite': 'src/store/sqlite/driver\\.ts$',
  '@standard-schema/spec': 'src/',
}

const parts = Object.entries(arrows).map(([part, allowed]) => ({
  name: `${part.replace(/[\\$/]/g, '')}-imports-only`,
  comment: `src/${part} may import ${allowed.join(', ')} and itself`,
  severity: 'error',
  from: { path: `^src/${part}` },
  to: { path: '^src/', pathNot: [part, ...allowed].map(target => `^src/${target}`) },
}))

const libraries = Object.entries(homes).map(([library, home]) => ({
  name: `home-of-${library.replace(/[^a-z]/g, '-')}`,
  comment: `${library} is used in ${home} only`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^${home}` },
  to: { path: [`(^|/)node_modules/${library}/`, `^${library}$`] },
}))

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...parts,
    ...libraries,
    {
      name: 'no-other-library',
      comment: 'A new dependency gets a home first',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        path: '(^|/)node_modules/',
        pathNot: Object.keys(homes).map(library => `(^|/)node_modules/${library}/`),
      },
    },
    {
      name: 'stores-never-meet',
      severity: 'error',
      from: { path: '^src/store/([^/]+)/' },
      to: { path: '^src/store/[^/]+/', pathNot: '^src/store/$1/' },
    },
    {
      name: 'contract-knows-no-store',
      comment: 'What lies directly in src/store is shared by the stores',
      severity: 'error',
      from: { path: '^src/store/[^/]+\\.ts$' },
      to: { path: '^src/store/[^/]+/' },
    },
    {
      name: 'nobody-imports-the-top',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/index\\.ts$', '^src/testing/', `^src/${composition}`] },
      to: { path: ['^src/index\\.ts$', '^src/testing/', `^src/${composition}`] },
    },
    {
      name: 'testing-is-a-subpath-of-its-own',
      severity: 'error',
      from: { path: ['^src/index\\.ts$', `^src/${composition}`] },
      to: { path: '^src/testing/' },
    },
    {
      name: 'nobody-imports-index',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/index\\.ts$' },
    },
    {
      name: 'every-folder-has-arrows',
      comment: 'A new folder of src gets a line in `arrows` above',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          ...Object.keys(arrows).map(part => `^src/${part}`),
          '^src/index\\.ts$',
          '^src/testing/',
          `^src/${composition}`,
        ],
      },
      to: {},
    },
    { name: 'no-circular', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true, pathNot: '^node:sqlite$' }, // not every Node that runs this check has it
    },
    {
      name: 'src-is-closed',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|examples|bench|scripts|dist)/' },
    },
    {
      name: 'no-development-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'npm-peer', 'type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exoticRequireStrings: ['require', 'load', 'process.getBuiltinModule'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
    },
  },
}

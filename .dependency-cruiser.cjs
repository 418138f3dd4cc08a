// The import rules of the house (docs/architecture.md): each folder of src/ names what it may import, arrows point one
// way, and whatever is not named is an error. Circles count with type-only imports included.

/** Folder -> folders it may import beside itself and `base`. */
const MAY_IMPORT = {
  base: [],
  ir: [],
  ops: ['ir'],
  chip: [],
  isa: ['chip'],
  artifact: ['isa', 'chip'],
  frontend: ['ops', 'ir'],
  passes: ['ops', 'ir'],
  backend: ['ops', 'ir', 'chip', 'isa', 'artifact'],
  sim: ['isa', 'chip'],
  runtime: ['sim', 'artifact', 'isa', 'chip'],
  report: ['ir', 'ops', 'chip', 'isa', 'artifact', 'frontend', 'passes', 'backend', 'sim', 'runtime'],
  driver: [
    'ir',
    'ops',
    'chip',
    'isa',
    'artifact',
    'frontend',
    'passes',
    'backend',
    'sim',
    'runtime',
    'report',
  ],
};

/** Folder -> folders whose types, never values, it may import. */
const MAY_IMPORT_TYPES = { passes: ['chip'] };

function folderRules([folder, named]) {
  const own = folder === 'base' ? ['base'] : [folder, 'base', ...named];
  const types = MAY_IMPORT_TYPES[folder] ?? [];
  const rules = [
    {
      name: `${folder}-imports`,
      comment: `src/${folder} may import: ${[...own, ...types.map((t) => `${t} (types)`)].join(', ')}`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: '^src/', pathNot: `^src/(?:${[...own, ...types].join('|')})/` },
    },
  ];
  if (types.length > 0) {
    rules.push({
      name: `${folder}-imports-types-only`,
      comment: `src/${folder} may import only types of: ${types.join(', ')}`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: `^src/(?:${types.join('|')})/`, dependencyTypesNot: ['type-only'] },
    });
  }
  return rules;
}

module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).flatMap(folderRules),
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-pass-imports-another',
      comment: 'A pass folder may use the shared files src/passes/*.ts, never another pass folder.',
      severity: 'error',
      from: { path: '^src/passes/([^/]+)/' },
      to: { path: '^src/passes/[^/]+/', pathNot: '^src/passes/$1/' },
    },
    {
      name: 'terminal-only-in-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '(?:^|/)node_modules/(?:chalk|commander)/' },
    },
    {
      name: 'process-only-in-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { dependencyTypes: ['core'], path: '^(?:node:)?(?:process|console|readline|tty|perf_hooks)$' },
    },
    {
      name: 'no-network',
      comment: 'Nothing here fetches anything.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['core'], path: '^(?:node:)?(?:net|tls|dgram|dns|https?|http2|inspector)$' },
    },
    {
      name: 'nobody-imports-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'only-inside-src',
      comment: 'Source stands alone: no tests, scripts, fixtures or build results.',
      severity: 'error',
      from: { path: '^src/' },
      to: { pathNot: '^src/|(?:^|/)node_modules/', dependencyTypesNot: ['core'], couldNotResolve: false },
    },
    {
      name: 'declared-dependencies-only',
      comment: 'A package that src/ imports stands under "dependencies" of package.json.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-optional'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/sim/kernels/assembly' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};

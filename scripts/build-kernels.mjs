// Compiles the simulator's kernels (src/sim/kernels/assembly, AssemblyScript) to WASM beside their loader in dist/.
// kernels-relaxed.wasm holds those that gain from relaxed SIMD and is only loaded where it validates.

import { mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ASSEMBLY = 'src/sim/kernels/assembly';
const TARGET = 'dist/sim/kernels';

const OPTIONS = [
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '0',
  '--noAssert',
  '--runtime',
  'stub',
  '--importMemory',
  '--noExportMemory',
];
const MODULES = [
  { entry: 'index.ts', output: 'kernels.wasm', features: ['--enable', 'simd'] },
  {
    entry: 'relaxed.ts',
    output: 'kernels-relaxed.wasm',
    features: ['--enable', 'simd', '--enable', 'relaxed-simd'],
  },
];

/**
 * The elementary functions are one source for TypeScript and WASM (src/base/elementary.ts). TypeScript names imports
 * with `.js`, which the compiler takes for a folder or for `.js.ts`; and the bits of a double come from the WASM twin.
 */
function readSource(name, baseDir) {
  const path = name.replace(/\.js\.ts$/, '.ts');
  const twin = basename(path) === 'float-words.ts' ? join(ASSEMBLY, 'float-words.ts') : path;
  try {
    return readFileSync(join(baseDir, twin), 'utf8');
  } catch {
    return null;
  }
}

for (const { entry, output, features } of MODULES) {
  const file = join(TARGET, output);
  mkdirSync(dirname(join(ROOT, file)), { recursive: true });
  const { error, stderr } = await asc.main(
    [join(ASSEMBLY, entry), '--baseDir', ROOT, '--outFile', file, ...OPTIONS, ...features],
    { readFile: readSource },
  );
  if (error) {
    console.error(stderr.toString());
    console.error(`build-kernels: ${output}: ${error.message}`);
    process.exit(1);
  }
}

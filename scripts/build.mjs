// Builds dist/ from src/: the simulator's WASM kernels, then TypeScript, then the command line as a few files (bundle/), which
// start in half the time of hundreds. The only place that knows how.
// A build is complete when dist/.built exists; its time is the start of the build, so that an edit made meanwhile
// counts as newer. TypeScript emits even with type errors (useful while editing), but such a build is not complete.

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.built');
const ASSEMBLY = join(SRC, 'sim', 'kernels', 'assembly');
const KERNELS = join(DIST, 'sim', 'kernels');
const BUNDLE = join(DIST, 'bundle');
const KERNEL_STAMP = join(DIST, '.built-kernels');
const BUILD_KERNELS = join(ROOT, 'scripts', 'build-kernels.mjs');

/** Time of the newest change under `path`; folders count too, so that a deleted file is noticed. 0 where absent. */
function newest(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce((time, name) => Math.max(time, newest(join(path, name))), stat.mtimeMs);
}

function isNewer(stamp, sources) {
  return existsSync(stamp) && sources.every((path) => newest(path) <= statSync(stamp).mtimeMs);
}

/** Whether dist/ holds a complete build that no source is newer than. */
export function isBuilt() {
  const settings = ['tsconfig.json', 'package-lock.json', 'scripts/build.mjs', 'scripts/build-kernels.mjs'];
  return isNewer(STAMP, [SRC, ...settings.map((f) => join(ROOT, f))]);
}

function run(what, args) {
  const result = spawnSync(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', process.stderr, process.stderr],
  });
  if (result.status !== 0) throw new Error(`${what} failed`);
}

/** Path of the `tsc` that package.json chose: the package's `bin` entry, since npm's link depends on the platform. */
function typeScriptCompiler() {
  const manifest = join(ROOT, 'node_modules', '@typescript', 'native', 'package.json');
  return resolve(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin.tsc);
}

/** Removes emitted files whose source is gone, so that nothing can import a module that no longer exists. */
function removeStale(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (path === BUNDLE) continue;
    if (entry.isDirectory()) removeStale(path);
    const source = join(SRC, relative(DIST, path).replace(/(\.d\.ts|\.js)$/, '.ts'));
    if (/(\.d\.ts|\.js)$/.test(entry.name) && !existsSync(source)) rmSync(path);
  }
}

function stamp(path, time) {
  writeFileSync(path, '');
  utimesSync(path, time, time);
}

/** The kernels take seconds, so they are left alone where their sources (the elementary functions are shared) are older. */
function buildKernels(start) {
  const sources = [ASSEMBLY, join(SRC, 'base'), BUILD_KERNELS];
  const present = existsSync(KERNELS) && readdirSync(KERNELS).some((name) => name.endsWith('.wasm'));
  if (!existsSync(BUILD_KERNELS) || (present && isNewer(KERNEL_STAMP, sources))) return;
  run('build-kernels', [BUILD_KERNELS]);
  stamp(KERNEL_STAMP, start);
}

/** What bin/neffc.js starts. Packages that are optional stay outside: they are looked for when they are used. */
async function bundle() {
  // Not above: setup.mjs loads this file before anything is installed.
  const { rolldown } = await import('rolldown');
  const input = ['main', 'worker'].map((name) => join(DIST, 'cli', `${name}.js`));
  const made = await rolldown({ input, platform: 'node', external: [/^onnxruntime/], logLevel: 'warn' });
  rmSync(BUNDLE, { recursive: true, force: true });
  await made.write({
    dir: BUNDLE,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  });
  await made.close();
}

/** Builds dist/. Throws an Error with one sentence where a step fails; the step's own messages are on standard error. */
export async function build() {
  const start = new Date();
  mkdirSync(DIST, { recursive: true });
  rmSync(STAMP, { force: true });
  buildKernels(start);
  const info = join(DIST, '.tsbuildinfo');
  run('tsc', [typeScriptCompiler(), '-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', info]);
  removeStale(DIST);
  await bundle();
  stamp(STAMP, start);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await build();
  } catch (error) {
    console.error(`build: ${error.message}`);
    process.exit(1);
  }
}

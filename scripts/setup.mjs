// Makes a checkout ready to run: installs what the lock file names, builds what is missing or stale.
// `npm test`, `npm run demo` and the benches call it first; when nothing is to do it prints nothing and takes well
// under a second. Installed state is compared by content (versions), never by time stamps, so that an `npm install`
// of one package does not trigger a full reinstall.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const quiet = process.argv.includes('--quiet');

/** The `packages` table of a lock file, or undefined where there is none that can be read. */
function lockedPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Whether node_modules holds every package of package-lock.json in its version (packages of other platforms apart). */
function isInstalled() {
  const wanted = lockedPackages(join(ROOT, 'package-lock.json'));
  const present = lockedPackages(join(ROOT, 'node_modules', '.package-lock.json'));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || (entry.optional && !present[path]) || present[path]?.version === entry.version,
  );
}

function npm(args) {
  const result = spawnSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', quiet ? 'ignore' : process.stderr, process.stderr],
    shell: process.platform === 'win32',
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
  return result.status === 0;
}

function install() {
  if (!existsSync(join(ROOT, 'package-lock.json'))) throw new Error('package-lock.json is missing');
  if (!quiet) console.error('setup: installing dependencies');
  if (npm(['ci'])) return;
  // A lock file written on one platform can miss optional packages of another; `npm ci` refuses it then, while
  // `npm install` takes the locked versions of all the rest.
  console.error('setup: npm ci refused the lock file, trying npm install');
  if (!npm(['install', '--no-save'])) throw new Error('npm install failed; see its messages above');
}

try {
  if (!isInstalled()) install();
  if (!isBuilt()) {
    if (!quiet) console.error('setup: building dist');
    await build();
  }
} catch (error) {
  console.error(`setup: ${error.message}`);
  process.exit(1);
}

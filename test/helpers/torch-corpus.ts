// TorchScript archives that PyTorch wrote: those of fixtures/, and those outside of the repository, if they are there.

import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const SHARED = resolve(import.meta.dirname, '../../../shared');

function under(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((f) => /\.ptl?$/.test(f))
    .map((f) => join(dir, f))
    .sort();
}

const FIXTURES = under(resolve(import.meta.dirname, '../../fixtures/torch'));
export const BAD_ARCHIVES = under(join(SHARED, 'corpus/torchscript/bad'));
const GOOD = [...FIXTURES, ...under(join(SHARED, 'corpus/torchscript')), ...under(join(SHARED, 'models'))];
export const GOOD_ARCHIVES = GOOD.filter((f) => !BAD_ARCHIVES.includes(f));

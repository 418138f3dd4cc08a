// The allocator on the instances of google/minimalloc, by bench/minimalloc.mjs in a process of its own.
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { ROOT } from './context.mjs';
import { note } from './print.mjs';

export const title = 'Allocator: instances of minimalloc (which solves 11 of 11, each within 7.4 s)';

export async function run(context) {
  const folder = context.folder('minimalloc');
  if (folder === undefined) {
    note('no instances: give their folder with --minimalloc DIR');
    return;
  }
  const { output } = await runChild(join(ROOT, 'bench', 'minimalloc.mjs'), [folder]);
  process.stdout.write(output.replace(/^/gm, '  ').trimEnd().concat('\n'));
}

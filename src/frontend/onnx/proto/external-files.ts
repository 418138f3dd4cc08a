// Reads external data from a folder: each file once, whole, so that all tensors in it are views of one array. A path
// that leads out of the folder through a link is refused. The only file of the reader that touches the disk.

import { constants } from 'node:buffer';
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { badInput, doesNotFit } from '../../../base/diagnostic.js';

/** One read call takes less than 2 GiB. */
const READ_AT_ONCE = 2 ** 30;

/**
 * A `readExternal` for readOnnxModel: content of files below `folder`, kept in memory as long as the function lives.
 * @throws NeffcError E3015 (outside the folder), E3016 (no such file), E5010 (larger than an array can be)
 */
export function externalDataReader(folder: string): (relativePath: string) => Uint8Array {
  const known = new Map<string, Uint8Array>();
  return (relativePath) => {
    const path = pathInside(folder, relativePath);
    let content = known.get(path);
    if (content === undefined) {
      content = readWhole(path, relativePath);
      known.set(path, content);
    }
    return content;
  };
}

function pathInside(folder: string, relativePath: string): string {
  const path = orMissing(join(folder, relativePath), relativePath, () =>
    realpathSync(join(folder, relativePath)),
  );
  const inside = relative(realpathSync(folder), path);
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw badInput(
      'E3015',
      `external data ${JSON.stringify(relativePath)} leads out of the model's folder`,
      { file: join(folder, relativePath) },
      'Copy the data file itself into the folder of the model.',
    );
  }
  return path;
}

function readWhole(path: string, relativePath: string): Uint8Array {
  const status = orMissing(path, relativePath, () => statSync(path));
  // Asked before opening: to open a pipe would wait for its writer.
  if (!status.isFile()) throw missing(path, relativePath, 'is not a file');
  if (status.size > constants.MAX_LENGTH) {
    throw doesNotFit(
      'E5010',
      `external data ${relativePath} has ${status.size} bytes, the most that can be held is ${constants.MAX_LENGTH}`,
      { file: path },
      'Save the external data in several files.',
    );
  }
  const handle = orMissing(path, relativePath, () => openSync(path, 'r'));
  try {
    const content = new Uint8Array(status.size);
    let filled = 0;
    while (filled < content.length) {
      const count = orMissing(path, relativePath, () =>
        readSync(handle, content, filled, Math.min(READ_AT_ONCE, content.length - filled), filled),
      );
      if (count === 0) break;
      filled += count;
    }
    return content.subarray(0, filled);
  } finally {
    closeSync(handle);
  }
}

function orMissing<T>(path: string, relativePath: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown reason';
    throw missing(path, relativePath, `cannot be read (${reason})`);
  }
}

function missing(path: string, relativePath: string, fact: string) {
  return badInput(
    'E3016',
    `external data ${JSON.stringify(relativePath)} ${fact}`,
    { file: path },
    'Put the data file that belongs to the model beside it.',
  );
}

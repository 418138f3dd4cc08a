// NumPy's .npz: a zip archive with one .npy file an array. The zip reader is the TorchScript frontend's, with its limits.
import { badInput } from '../../base/diagnostic.js';
import type { DType } from '../../base/dtype.js';
import type { HostTensor } from '../../base/tensor.js';
import { openZip } from '../../frontend/torchscript/archive/zip.js';
import { readNpy } from './npy.js';

const SUFFIX = '.npy';

/**
 * The arrays of an .npz file by name (without `.npy`), in the file's order. `expected` gives the wanted type of an array by
 * its name, as for readNpy.
 * @throws E3613 a member is no .npy file; what openZip and readNpy throw.
 */
export function readNpz(
  bytes: Uint8Array,
  file: string,
  expected?: ReadonlyMap<string, DType>,
): ReadonlyMap<string, HostTensor> {
  const archive = openZip(bytes, file);
  const arrays = new Map<string, HostTensor>();
  for (const member of archive.members.values()) {
    if (!member.name.endsWith(SUFFIX)) {
      throw badInput(
        'E3613',
        `${member.name} in the archive is no .npy file`,
        { file, node: member.name },
        'write the archive with numpy.savez',
      );
    }
    const name = member.name.slice(0, -SUFFIX.length);
    arrays.set(name, readNpy(archive.read(member), `${file}:${member.name}`, expected?.get(name)));
  }
  return arrays;
}

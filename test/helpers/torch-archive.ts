// A small TorchScript archive made in memory: one linear module, one constant. Parts can be replaced or left out.

import { pk } from './pickle-writer.js';
import { writeZip, type ZipEntry, type ZipOptions } from './zip-writer.js';

export const TINY_CODE = `class Tiny(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  def forward(self: __torch__.Tiny,
    x: Tensor) -> Tensor:
    weight = self.weight
    if torch.eq(torch.dim(x), 2):
      y = torch.linear(x, weight)
    else:
      y = torch.add(x, CONSTANTS.c0, alpha=1)
    return y
`;

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

/** The members of the tiny archive by path below the root. */
export function tinyMembers(): Map<string, Uint8Array | string> {
  const module = pk.object(
    '__torch__.Tiny',
    pk.dict({ weight: pk.tensor('0', 4, [2, 2], [2, 1]), training: pk.bool(false) }),
  );
  return new Map<string, Uint8Array | string>([
    ['data.pkl', pk.file(module)],
    ['data/0', floats(1, 2, 3, 4)],
    ['code/__torch__.py', TINY_CODE],
    ['constants.pkl', pk.file(pk.tuple(pk.tensor('0', 1, [], [])))],
    ['constants/0', floats(0.5)],
    ['version', '3\n'],
    ['byteorder', 'little'],
  ]);
}

/** Packs members below `tiny/`; text is deflated, as PyTorch does. */
export function packArchive(
  members: ReadonlyMap<string, Uint8Array | string>,
  options?: ZipOptions,
): Uint8Array {
  const entries = [...members].map(
    ([name, data]): ZipEntry => ({ name: `tiny/${name}`, data, deflate: name.startsWith('code/') }),
  );
  return writeZip(entries, options);
}

/** The tiny archive with changes; `undefined` leaves a member out. */
export function tinyArchive(
  changes: Readonly<Record<string, Uint8Array | string | undefined>> = {},
): Uint8Array {
  const members = tinyMembers();
  for (const [name, data] of Object.entries(changes)) {
    if (data === undefined) members.delete(name);
    else members.set(name, data);
  }
  return packArchive(members);
}

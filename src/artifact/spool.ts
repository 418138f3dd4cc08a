// Bytes put aside until they are written: few in memory, many in a temporary file that has no name and vanishes with the process,
// however it ends. Where no such file can be made or filled, all stay in memory.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes of a spool that stay in memory. */
const IN_MEMORY = 1 << 24;
/** Bytes read back at a time. */
const CHUNK = 1 << 20;

/** Closes the files of spools that nobody holds any more. */
const abandoned = new FinalizationRegistry<number>((file) => closeSync(file));

export class Spool {
  private held = 0;
  /** Descriptor; undefined before it is needed, -1 where there can be none. */
  private file: number | undefined;
  private end = 0;

  /** Puts bytes aside, which the caller leaves alone; the result gives them back, any number of times. */
  add(bytes: Uint8Array): () => Iterable<Uint8Array> {
    const inMemory = this.held + bytes.length <= IN_MEMORY;
    const at = inMemory ? undefined : this.write(bytes);
    if (at !== undefined) return this.reader(at, bytes.length);
    this.held += bytes.length;
    return () => [bytes];
  }

  /** A function of its own: one made beside the bytes would hold on to them. */
  private reader(at: number, length: number): () => Iterable<Uint8Array> {
    return () => this.read(at, length);
  }

  /** Where the bytes are in the file; undefined where they cannot be there. */
  private write(bytes: Uint8Array): number | undefined {
    this.file ??= this.open();
    if (this.file < 0) return undefined;
    const at = this.end;
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.file, bytes, done, bytes.length - done, at + done);
    } catch {
      return undefined;
    }
    this.end += bytes.length;
    return at;
  }

  private *read(at: number, length: number): Generator<Uint8Array> {
    for (let done = 0; done < length; ) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK, length - done));
      const read = readSync(this.file ?? -1, chunk, 0, chunk.length, at + done);
      if (read === 0) return;
      yield chunk.subarray(0, read);
      done += read;
    }
  }

  private open(): number {
    try {
      const folder = mkdtempSync(join(tmpdir(), 'neffc-'));
      const file = openSync(join(folder, 'constants'), 'wx+');
      rmSync(folder, { recursive: true, force: true });
      abandoned.register(this, file);
      return file;
    } catch {
      return -1;
    }
  }
}

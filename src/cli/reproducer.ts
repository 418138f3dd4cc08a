// The folder a bug of ours leaves, with what is needed to see it again: command line, versions, the error, the graph where there
// was one. It goes to the system's folder for temporary files, so that a failed command leaves nothing beside the user's files.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../driver/version.js';
import type { Session } from './session.js';

/** Writes the folder; its path, or undefined where it could not be written. Never throws. */
export function writeReproducer(session: Session, cause: unknown): string | undefined {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'neffc-bug-'));
    const versions = {
      neffc: VERSION,
      node: process.version,
      platform: process.platform,
      arch: process.arch,
    };
    writeFileSync(
      join(folder, 'command.json'),
      `${JSON.stringify({ argv: session.argv, folder: process.cwd(), versions }, null, 2)}\n`,
    );
    writeFileSync(
      join(folder, 'error.txt'),
      `${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`,
    );
    for (const [name, text] of session.attachments) writeAttachment(join(folder, name), text);
    return folder;
  } catch {
    return undefined;
  }
}

/** A graph that is broken may not print: the rest of the folder is worth having without it. */
function writeAttachment(path: string, text: () => string): void {
  try {
    writeFileSync(path, text());
  } catch (error) {
    writeFileSync(path, `could not be printed: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

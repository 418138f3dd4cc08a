// `neffc targets`: the chips that programs are compiled for.
import { BUILTIN_TARGETS } from '../../chip/builtin.js';
import { TARGET_FIELDS, TARGET_PATHS, valueAt } from '../../chip/target-fields.js';
import { alignTable } from '../../report/text.js';
import type { CommandSpec, Outcome } from '../command.js';
import { parseTarget } from '../option-values.js';

function targets(names: readonly string[]): Outcome {
  const chosen = names.length === 0 ? BUILTIN_TARGETS : names.map(parseTarget);
  return {
    document: () => ({ targets: chosen }),
    *text() {
      const rows = TARGET_PATHS.map((path) => {
        const field = TARGET_FIELDS[path];
        return [
          field.title,
          ...chosen.map((t) => String(valueAt(t, path))),
          field.type === 'integer' ? field.unit : '',
        ];
      });
      for (const line of alignTable([['', ...chosen.map((t) => t.name), 'unit'], ...rows.slice(1)]))
        yield `${line}\n`;
    },
  };
}

export const TARGETS: CommandSpec = {
  schema: 1,
  configure: (command) => command.argument('[target...]', 'names or JSON files; default the built-in ones'),
  run: targets,
};

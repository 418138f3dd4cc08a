// docs/cli.md from the declarations of the commands.
import type { Command } from 'commander';
import { COMMANDS } from './commands/table.js';
import { buildProgram } from './program.js';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function optionRows(command: Command): string[] {
  return command.options.map((o) => {
    const fallback = o.defaultValue === undefined ? '' : ` Default: \`${String(o.defaultValue)}\`.`;
    return `| \`${cell(o.flags)}\` | ${cell(o.description)}.${cell(fallback)} |`;
  });
}

function section(command: Command): string {
  const rows = command.registeredArguments.map(
    (a) => `| \`${cell(a.required ? `<${a.name()}>` : `[${a.name()}]`)}\` | ${cell(a.description)}. |`,
  );
  return `## ${command.name()}

${sentence(command.description())}

    neffc ${command.name()} ${command.usage()}

| | |
|---|---|
${[...rows, ...optionRows(command)].join('\n')}`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** The whole of docs/cli.md. */
export async function cliMarkdown(): Promise<string> {
  const program = await buildProgram(
    { out: () => undefined },
    () => true,
    async () => undefined,
  );
  const list = COMMANDS.map((c) => `| [${c.name}](#${c.name}) | ${c.summary} |`);
  return `<!-- Generated from src/cli; refresh with UPDATE_DOCS=1 npx vitest run test/cli/document.test.ts -->

# Command line

| command | what it does |
|---|---|
${list.join('\n')}

An input or output may be named by its 0-based position wherever it is named at all. Diagnostics go to standard error as
\`error[E2013]: ...\` or \`warning[W2001]: ...\`, with the place and what to do; \`neffc explain E2013\` tells more
([all of them](diagnostics.md)). On a terminal, standard error shows a line for each stage with its time and the memory in use.

With \`--json\` exactly one JSON document goes to standard output, on failure too, with at least \`schema\`, \`exit_code\` and
\`diagnostics\`; [docs/schemas](schemas) has the schemas. Numbers that JSON lacks are the strings \`NaN\`, \`Infinity\` and \`-Infinity\`;
integers beyond 2^53 are strings.

## Exit codes

| code | meaning |
|---|---|
| 0 | good |
| 1 | a bug of neffc; a folder with what is needed to see it again is named |
| 2 | usage: the command line means nothing |
| 3 | bad input: a file is damaged or contradicts itself |
| 4 | unsupported: a valid input asks for what is not built; all of it is listed |
| 5 | does not fit the target, or the memory of this machine |
| 6 | verification failed |
| 7 | over budget |
| 130 | interrupted |

On any other code than 0 the output path is as it was before.

## Tolerances of verify

Where the artifact computes in fp32: 1e-3 of each element's magnitude and 1e-4 of the output's largest; integers are equal. Where
it computes in 16 bits: a cosine of at least 0.999 for each output, the same arg-max where the output is a table of scores by class,
at most 5 % of integers different.

${program.commands.map(section).join('\n\n')}
`;
}

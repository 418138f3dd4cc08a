// `neffc ops`: the operators that models may use.
import { type Command, Option } from 'commander';
import { OPERATOR_LISTS, type OperatorList, supportedOperators } from '../../driver/operators.js';
import { alignTable } from '../../report/text.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { choiceOption } from '../option-values.js';

function configure(command: Command): void {
  command
    .argument('[text]', 'only operators whose name contains it')
    .addOption(
      new Option(
        '--frontend <name>',
        `whose operators: ${OPERATOR_LISTS.join(', ')} (those that both become)`,
      )
        .argParser(choiceOption('--frontend', OPERATOR_LISTS))
        .default('onnx'),
    );
}

function ops([text = '']: readonly string[], values: OptionValues): Outcome {
  const frontend = values.frontend as OperatorList;
  const operators = supportedOperators(frontend).filter((o) =>
    o.operator.toLowerCase().includes(text.toLowerCase()),
  );
  return {
    document: () => ({ frontend, operators }),
    *text() {
      const rows = operators.map((o) => [
        o.operator,
        o.domain,
        o.runs,
        (o.versions ?? []).join(', ') || (o.signatures ?? []).join('\n'),
      ]);
      const last =
        frontend === 'onnx' ? 'own importer since' : frontend === 'torchscript' ? 'signatures' : '';
      for (const line of alignTable([
        ['operator', 'domain', 'runs on', last],
        ...rows.map((row) => row.map((cell) => cell.split('\n')[0] ?? '')),
      ]))
        yield `${line}\n`;
      yield `\n${operators.length} operators\n`;
    },
  };
}

export const OPS: CommandSpec = {
  schema: 1,
  configure,
  run: ops,
};

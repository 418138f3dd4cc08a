// The version of neffc: in artifacts, `--version` and reproducers. A test compares it with package.json.

export const VERSION = '0.1.0';

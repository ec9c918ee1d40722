/** Where an appliance finds its secrets: `NAME.pem`, certificate chain and key. */
export const SECRETS = '/etc/lifeboat/secrets'

/** Lines that the stack file brings as they are, marked as such. */
export function rawLines(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['  # raw, as in the stack file', ...lines.map((line) => `  ${line}`)]
}

/** One word of the configuration, whatever is in it (HAProxy configuration manual, "Quoting and escaping"). */
export function word(text: string): string {
  return text.replace(/[\\"'#$ ]/g, (letter) => `\\${letter}`)
}

/** Text where HAProxy takes a log format (its manual, section 8.2.4): a percent sign is itself. */
export function plain(text: string): string {
  return word(text.replaceAll('%', '%%'))
}

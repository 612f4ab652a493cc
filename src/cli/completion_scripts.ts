/** The scripts that teach a shell the words of this program. Each holds the same table and walks it in its own tongue. */
import type { CompletedValue, CompletionRow } from "./completion_table.ts";

/** Whether each word brings its explanation along. */
export type Descriptions = "with-descriptions" | "without-descriptions";

/** One row as the scripts read it: `path|word|value|description`. */
function lineOf({ path, word, value, description }: CompletionRow, descriptions: Descriptions): string {
  return [path, word, codeOf(value), descriptions === "with-descriptions" ? description : ""].join("|");
}

/** `-` nothing follows, `?` anything, `@file`, `@dir`, `@profile`, `@sample`, or the words themselves. */
function codeOf(value: CompletedValue): string {
  switch (value.kind) {
    case "none":
      return "-";
    case "any":
      return "?";
    case "file":
      return "@file";
    case "directory":
      return "@dir";
    case "profile":
      return "@profile";
    case "sample":
      return "@sample";
    case "words":
      return value.words.join(" ");
  }
}

function linesOf(rows: readonly CompletionRow[], descriptions: Descriptions): readonly string[] {
  return rows.map((row) => lineOf(row, descriptions));
}

/** Also for the bash of macOS, which is version 3.2. */
export function bashScript(rows: readonly CompletionRow[], descriptions: Descriptions): string {
  return String.raw`# bash completion of tunnel-client
# For this shell:   source <(tunnel-client completion bash)
# For every shell:  tunnel-client completion bash > ~/.local/share/bash-completion/completions/tunnel-client

_tunnel_client_table() {
  cat <<'TABLE'
${linesOf(rows, descriptions).join("\n")}
TABLE
}

_tunnel_client_names() { # typed, and the words of a command that lists name<tab>more
  local typed=$1 name rest
  shift
  "${"${COMP_WORDS[0]}"}" "$@" 2>/dev/null | while IFS=$'\t' read -r name rest; do
    [ -n "$rest" ] && case "$name" in "$typed"*) printf '%s\n' "$name" ;; esac
  done
}

_tunnel_client_values() { # what, typed
  case "$1" in
    - | '?') ;;
    @file) compgen -f -- "$2" ;;
    @dir) compgen -d -- "$2" ;;
    @profile) _tunnel_client_names "$2" profiles list ;;
    @sample) _tunnel_client_names "$2" profiles samples list ;;
    *) compgen -W "$1" -- "$2" ;;
  esac
}

_tunnel_client() {
  local cur prev path="" prefix="" table index word row_path row_word row_value row_text awaited=""
  local IFS=$' \t\n'
  COMPREPLY=()
  table=$(_tunnel_client_table)
  cur=${"${COMP_WORDS[COMP_CWORD]}"}
  # The value of --flag=value may be a word of its own, or not.
  if [ "$cur" = "=" ]; then
    cur=""
    prev=${"${COMP_WORDS[COMP_CWORD-1]}"}
  elif [ "$COMP_CWORD" -gt 1 ] && [ "${"${COMP_WORDS[COMP_CWORD-1]}"}" = "=" ]; then
    prev=${"${COMP_WORDS[COMP_CWORD-2]}"}
  elif [ "${"${cur#--*=}"}" != "$cur" ]; then
    prev=${"${cur%%=*}"}
    prefix="$prev="
    cur=${"${cur#*=}"}
  else
    prev=""
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${"${COMP_WORDS[index]}"}
    if [ -n "$awaited" ]; then
      [ "$word" = "=" ] || awaited=""
      continue
    fi
    while IFS='|' read -r row_path row_word row_value row_text; do
      [ "$row_path" = "$path" ] && [ "$row_word" = "$word" ] || continue
      case "$word" in
        -*) [ "$row_value" = "-" ] || awaited=$word ;;
        *) path="${"${path:+$path }"}$word" ;;
      esac
      break
    done <<<"$table"
  done
  [ -n "$prev" ] || prev=$awaited
  local words=() texts=() value
  while IFS='|' read -r row_path row_word row_value row_text; do
    [ "$row_path" = "$path" ] || continue
    if [ -n "$prev" ]; then
      [ "$row_word" = "$prev" ] || continue
    elif [ "$row_word" = "*" ]; then
      case "$cur" in -*) continue ;; esac
    else
      case "$row_word" in
        -*) case "$cur" in -*) ;; *) continue ;; esac ;;
      esac
      case "$row_word" in "$cur"*)
        words+=("$row_word")
        texts+=("$row_text")
        ;;
      esac
      continue
    fi
    case "$row_value" in @file | @dir) compopt -o filenames 2>/dev/null ;; esac
    while IFS= read -r value; do
      [ -n "$value" ] && words+=("$prefix$value") && texts+=("")
    done <<<"$(_tunnel_client_values "$row_value" "$cur")"
  done <<<"$table"
  # Only a list on the screen has room for explanations.
  for ((index = 0; index < ${"${#words[@]}"}; index++)); do
    if [ "${"${COMP_TYPE:-9}"}" = 63 ] && [ -n "${"${texts[index]}"}" ] && [ "${"${#words[@]}"}" -gt 1 ]; then
      COMPREPLY+=("${"${words[index]}"}  (${"${texts[index]}"})")
    else
      COMPREPLY+=("${"${words[index]}"}")
    fi
  done
}

complete -F _tunnel_client tunnel-client
`;
}

export function zshScript(rows: readonly CompletionRow[], descriptions: Descriptions): string {
  return String.raw`#compdef tunnel-client
# zsh completion of tunnel-client
# For this shell:   source <(tunnel-client completion zsh)
# For every shell:  tunnel-client completion zsh > "${"${fpath[1]}"}/_tunnel-client"

_tunnel-client_table() {
  cat <<'TABLE'
${linesOf(rows, descriptions).join("\n")}
TABLE
}

_tunnel-client() {
  emulate -L zsh
  local -a table shown row
  local line word command="" awaited="" current=${"${words[CURRENT]}"}
  table=("${"${(@f)$(_tunnel-client_table)}"}")
  for word in "${"${(@)words[2,CURRENT-1]}"}"; do
    if [[ -n $awaited ]]; then
      awaited=""
      continue
    fi
    for line in $table; do
      row=("${"${(@s:|:)line}"}")
      [[ $row[1] == $command && $row[2] == $word ]] || continue
      if [[ $word == -* ]]; then
        [[ $row[3] == - ]] || awaited=$word
      else
        command="${"${command:+$command }"}$word"
      fi
      break
    done
  done
  if [[ -z $awaited && $current == --*=* ]]; then
    awaited=${"${current%%=*}"}
    compset -P '*='
  fi
  for line in $table; do
    row=("${"${(@s:|:)line}"}")
    [[ $row[1] == $command ]] || continue
    if [[ -n $awaited ]]; then
      [[ $row[2] == $awaited ]] || continue
    elif [[ $row[2] != '*' ]]; then
      [[ $row[2] == -* && $current != -* ]] || shown+=("${"${row[2]//:/\\\\:}"}:$row[4]")
      continue
    fi
    case $row[3] in
      - | '?') ;;
      @file) _files ;;
      @dir) _files -/ ;;
      @profile) compadd -- ${"${${(M)${(f)\"$($words[1] profiles list 2>/dev/null)\"}:#*$'\\t'*}%%$'\\t'*}"} ;;
      @sample) compadd -- ${"${${(f)\"$($words[1] profiles samples list 2>/dev/null)\"}%%$'\\t'*}"} ;;
      *) compadd -- ${"${=row[3]}"} ;;
    esac
  done
  (( $#shown )) && _describe -t commands 'tunnel-client' shown
}

if [[ $funcstack[1] == _tunnel-client ]]; then
  _tunnel-client "$@"
else
  compdef _tunnel-client tunnel-client
fi
`;
}

export function fishScript(rows: readonly CompletionRow[], descriptions: Descriptions): string {
  const quoted = linesOf(rows, descriptions).map((line) => `        '${line.replace(/[\\']/g, "\\$&")}'`);
  return String.raw`# fish completion of tunnel-client
# For this shell:   tunnel-client completion fish | source
# For every shell:  tunnel-client completion fish > ~/.config/fish/completions/tunnel-client.fish

function __tunnel_client_table
    printf '%s\n' \
${quoted.join(" \\\n")}
end

function __tunnel_client_complete
    set -l table (__tunnel_client_table)
    set -l tokens (commandline -opc)
    set -l current (commandline -ct)
    set -l path ''
    set -l awaited ''
    for token in $tokens[2..-1]
        if test -n "$awaited"
            set awaited ''
            continue
        end
        for line in $table
            set -l row (string split '|' -- $line)
            test "$row[1]" = "$path" -a "$row[2]" = "$token"; or continue
            if string match -q -- '-*' $token
                test "$row[3]" = -; or set awaited $token
            else
                set path (string trim -- "$path $token")
            end
            break
        end
    end
    set -l prefix ''
    if test -z "$awaited"; and string match -q -- '--*=*' $current
        set awaited (string replace -r '=.*' '' -- $current)
        set prefix "$awaited="
        set current (string replace -r '^[^=]*=' '' -- $current)
    end
    for line in $table
        set -l row (string split '|' -- $line)
        test "$row[1]" = "$path"; or continue
        if test -n "$awaited"
            test "$row[2]" = "$awaited"; or continue
        else if test "$row[2]" != '*'
            if string match -q -- '-*' $row[2]; and not string match -q -- '-*' "$current"
                continue
            end
            printf '%s\t%s\n' $row[2] "$row[4]"
            continue
        end
        switch $row[3]
            case - '\?'
            case @file
                __fish_complete_path "$current" | string replace -r '^' -- "$prefix"
            case @dir
                __fish_complete_directories "$current" | string replace -r '^' -- "$prefix"
            case @profile
                $tokens[1] profiles list 2>/dev/null | string match -r '^[^\t]+(?=\t)' | string replace -r '^' -- "$prefix"
            case @sample
                $tokens[1] profiles samples list 2>/dev/null | string match -r '^[^\t]+(?=\t)' | string replace -r '^' -- "$prefix"
            case '*'
                printf "$prefix%s\n" (string split ' ' -- $row[3])
        end
    end
end

complete -c tunnel-client -f -a '(__tunnel_client_complete)'
`;
}

export function powershellScript(rows: readonly CompletionRow[], descriptions: Descriptions): string {
  return String.raw`# PowerShell completion of tunnel-client
# For this shell:   tunnel-client completion powershell | Out-String | Invoke-Expression
# For every shell:  add that line to the file named by $PROFILE

Register-ArgumentCompleter -Native -CommandName 'tunnel-client', 'tunnel-client.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $table = @'
${linesOf(rows, descriptions).join("\n")}
'@ -split '\r?\n' | ForEach-Object { , ($_ -split '\|', 4) }
    $path = ''
    $awaited = ''
    $typed = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    foreach ($word in $typed) {
        if ($awaited) { $awaited = ''; continue }
        $row = $table | Where-Object { $_[0] -ceq $path -and $_[1] -ceq $word } | Select-Object -First 1
        if (-not $row) { continue }
        if ($word.StartsWith('-')) { if ($row[2] -cne '-') { $awaited = $word } }
        else { $path = ("$path $word").Trim() }
    }
    foreach ($row in $table | Where-Object { $_[0] -ceq $path }) {
        $candidates = @()
        if ($awaited) {
            if ($row[1] -cne $awaited) { continue }
        }
        elseif ($row[1] -cne '*') {
            if ($row[1].StartsWith('-') -and -not "$wordToComplete".StartsWith('-')) { continue }
            $candidates = @($row[1])
        }
        if ($candidates.Count -eq 0) {
            switch -CaseSensitive ($row[2]) {
                '-' { }
                '?' { }
                '@file' { }
                '@dir' { }
                { $_ -in '@profile', '@sample' } {
                    $list = if ($_ -eq '@sample') { 'samples', 'list' } else { , 'list' }
                    $candidates = @(& $commandAst.CommandElements[0].ToString() profiles @list 2>$null |
                        Where-Object { $_ -match "\t" } | ForEach-Object { ($_ -split "\t")[0] })
                }
                default { $candidates = @($row[2] -split ' ') }
            }
        }
        foreach ($candidate in $candidates) {
            if ($candidate -notlike "$wordToComplete*") { continue }
            $text = if ($row[3]) { $row[3] } else { $candidate }
            [System.Management.Automation.CompletionResult]::new($candidate, $candidate, 'ParameterValue', $text)
        }
    }
}
`;
}

// Runs Python on the 32-bit VM: node run.mjs MICROPYTHON_MJS, with what to run as JSON on standard input:
// {heap: octets, copies: [[folder or file here, path there]], arguments: [sys.argv], path: [sys.path's further],
// environment: {of os.getenv}, scripts: [source]}. The scripts run one after another in one __main__; between two the
// collector runs, which it cannot while one runs: it does not see JavaScript's stack. Exit code 1 where one raises.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const { loadMicroPython } = await import(pathToFileURL(process.argv[2]).href)
const wanted = JSON.parse(readFileSync(0, 'utf8'))
const vm = await loadMicroPython({ heapsize: wanted.heap, linebuffer: true, stdout: (line) => console.log(line) })

function copy (from, to) {
  if (statSync(from).isDirectory()) {
    vm.FS.mkdirTree(to)
    for (const name of readdirSync(from)) {
      if (name !== '__pycache__') copy(`${from}/${name}`, `${to}/${name}`)
    }
  } else if (/\.(py|mpy|json)$/.test(from)) {
    vm.FS.mkdirTree(to.slice(0, to.lastIndexOf('/')) || '/')
    vm.FS.writeFile(to, readFileSync(from))
  }
}

for (const [from, to] of wanted.copies) copy(from, to)
const text = (value) => JSON.stringify(JSON.stringify(value)) // a Python literal of JSON
try {
  vm.runPython(`
import json, os, sys
sys.argv[:] = json.loads(${text(wanted.arguments)})
sys.path.extend(json.loads(${text(wanted.path)}))
_environment = json.loads(${text(wanted.environment)})
os.getenv = lambda name: _environment.get(name)
`)
  for (const script of wanted.scripts) {
    vm.runPython(script)
    vm.runPython('import gc\ngc.collect()')
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}

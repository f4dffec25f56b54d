'use strict';

// The provider `functiongraph` for serverless 3 and osls 4. Serverless resolves references and checks the file by
// schema.json, which the Python models of `cbr-auditor deploy` give; that command then does all the work, and its exit
// status is Serverless's. The resolved description goes to it over stdin, so no secret is on a command line.

const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const path = require('node:path');
const schema = require('./schema.json');

const NAME = 'functiongraph';

class FunctionGraph {
  static getProviderName() {
    return NAME;
  }

  constructor(serverless, options) {
    this.serverless = serverless;
    this.options = options;
    this.provider = this;
    serverless.setProvider(NAME, this);
    const { provider, function: entry, timer } = schema;
    serverless.configSchemaHandler.defineProvider(NAME, { provider, function: entry });
    serverless.configSchemaHandler.defineFunctionEvent(NAME, 'timer', timer);
    this.hooks = {
      'deploy:deploy': () => this.run(['deploy', '--yes']),
      'rollback:rollback': () => this.run(['rollback', '--yes']),
      'remove:remove': () => this.run(['remove', '--yes']),
      'logs:logs': () => this.run(['logs']),
      'rollback:function:rollback': () => this.refuse('rollback function', 'rollback'),
      'deploy:function:deploy': () => this.refuse('deploy function', 'deploy'),
    };
  }

  /** Run one command of cbr-auditor; throws where it fails, so that Serverless fails too. */
  run(words) {
    const command = this.command();
    const { service, provider, package: zip, functions } = this.serverless.configurationInput;
    const result = spawnSync(command, [...words, '--file', '-'], {
      cwd: this.serverless.serviceDir,
      input: JSON.stringify({ service, provider, package: zip, functions }),
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    if (result.error) {
      throw new this.serverless.classes.Error(`${command} cannot be run: ${result.error.message}. Run make demo, or install cbr-auditor.`);
    }
    if (result.status !== 0) {
      throw new this.serverless.classes.Error(`cbr-auditor ${words[0]} failed (exit status ${result.status ?? result.signal}): see above.`);
    }
  }

  /** Serverless has commands of its own that would do nothing here, and end as if they had. */
  refuse(asked, instead) {
    throw new this.serverless.classes.Error(`${asked} does nothing here: there is one function a file. Call ${instead}.`);
  }

  /** The repository's own cbr-auditor, else the one on the path. */
  command() {
    const own = path.join(this.serverless.serviceDir, '.venv', 'bin', 'cbr-auditor');
    return existsSync(own) ? own : 'cbr-auditor';
  }
}

module.exports = FunctionGraph;

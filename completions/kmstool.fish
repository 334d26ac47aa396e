# Completion of kmstool for fish.

function __kmstool_command --no-scope-shadowing
    set commands
    set options
    set valued
    switch $path
        case 'kmstool'
            set commands 'api'\t'Call any action of the KMS API.' \
                'asymmetric'\t'Encrypt under public keys, and decrypt in KMS.' \
                'auth'\t'Log in to Tencent Cloud and out again.' \
                'batch'\t'Encrypt, decrypt or move many secrets at once.' \
                'completion'\t'Complete commands, options and names on TAB.' \
                'data-key'\t'Keep data keys in KMS, by name.' \
                'decrypt'\t'Decrypt a ciphertext blob.' \
                'digest'\t'Print the digest of a file or stdin, as KMS signs it.' \
                'doctor'\t'Check this machine, the credentials and the way to KMS.' \
                'encrypt'\t'Encrypt up to 4,096 bytes under a key.' \
                'envelope'\t'Encrypt files and streams of any size.' \
                'exec'\t'Run a command with secrets in its environment.' \
                'fingerprint'\t'Show this device\'s fingerprint, and bind keys to devices.' \
                'help'\t'Explain a topic or a command.' \
                'import-material'\t'Bring your own key: give a key its material.' \
                'init'\t'Set up kmstool on this machine.' \
                'key'\t'Create, list, name, disable and rotate keys.' \
                'local'\t'Manage the local KMS.' \
                'material'\t'Bring your own key step by step.' \
                'migrate'\t'Move ciphertexts out of the KMS of 2017.' \
                'profile'\t'Choose which KMS, region, key and credentials to use.' \
                'public-key'\t'Print the public key of an asymmetric key.' \
                'random'\t'Print random bytes made by KMS.' \
                'reencrypt'\t'Move a blob to a newer or other key.' \
                'rotate'\t'Move ciphertexts in files to another key.' \
                'shell'\t'Run commands in one session, without starting anew.' \
                'sign'\t'Sign a file or stdin with a key in KMS.' \
                'verify'\t'Check a signature over a file or stdin.' \
                'version'\t'Print the version.' \
                'whitebox'\t'Encrypt in KMS for programs that decrypt without it.'
            set options '-V'\t'Show the version and exit.' \
                '--version'\t'Show the version and exit.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool api'
            set options '--params'\t'The request; - reads stdin. Default: empty.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--params'
        case 'kmstool asymmetric'
            set commands 'decrypt'\t'Decrypt with a private key in KMS.' \
                'encrypt'\t'Encrypt under a public key, on this machine.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool asymmetric decrypt'
            set options '--key'\t'Key id, alias or REGION:NAME; default: the profile\'s key.' \
                '--algorithm'\t'RSA padding (default: OAEP with SHA-256).' \
                '--ciphertext-format'\t'Encoding of an SM2 ciphertext.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--algorithm' \
                '--ciphertext-format' \
                '-o' \
                '--out'
        case 'kmstool asymmetric encrypt'
            set options '--key'\t'Key id, alias or REGION:NAME; default: the profile\'s key.' \
                '--public-key'\t'Encrypt with this public key, offline.' \
                '--algorithm'\t'RSA padding (default: OAEP with SHA-256).' \
                '--raw'\t'Write the ciphertext as bytes, not base64.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--public-key' \
                '--algorithm' \
                '-o' \
                '--out'
        case 'kmstool auth'
            set commands 'import-tccli'\t'Take over a profile of tccli.' \
                'login'\t'Keep a SecretId and SecretKey for a profile.' \
                'logout'\t'Forget the credential of a profile.' \
                'status'\t'Show who you are to KMS, and try the credential.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool auth import-tccli'
            set options '--from'\t'Profile of tccli.' \
                '--store'\t'Where to keep the credential.' \
                '--passphrase-file'\t'With --store file: its passphrase; /dev/fd/N too.' \
                '--weak'\t'Take a new passphrase of less than 8 characters too.' \
                '--no-verify'\t'Do not try the credential on KMS first.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--from' \
                '--store' \
                '--passphrase-file'
        case 'kmstool auth login'
            set options '--secret-id'\t'The SecretId; else asked for, or the first line of stdin.' \
                '--store'\t'Where to keep the credential.' \
                '--passphrase-file'\t'With --store file: its passphrase; /dev/fd/N too.' \
                '--weak'\t'Take a new passphrase of less than 8 characters too.' \
                '--whitebox'\t'Folder made by kmstool whitebox bundle with the SecretKey in it.' \
                '--no-verify'\t'Do not try the credential on KMS first.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--secret-id' \
                '--store' \
                '--passphrase-file' \
                '--whitebox'
        case 'kmstool auth logout'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool auth status'
            set options '--offline'\t'Do not call KMS: show what is configured.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool batch'
            set commands 'decrypt'\t'Decrypt the blobs of JSON Lines.' \
                'encrypt'\t'Encrypt the secrets of JSON Lines.' \
                'reencrypt'\t'Move the blobs of JSON Lines to a key.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool batch decrypt'
            set options '--key'\t'Key of lines that name none; else the profile\'s.' \
                '--in-flight'\t'Calls at once.' \
                '--rate'\t'Calls a second. Default: 80 % of the quota.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--in-flight' \
                '--rate' \
                '--dask'
        case 'kmstool batch encrypt'
            set options '--key'\t'Key of lines that name none; else the profile\'s.' \
                '--in-flight'\t'Calls at once.' \
                '--rate'\t'Calls a second. Default: 80 % of the quota.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--in-flight' \
                '--rate' \
                '--dask'
        case 'kmstool batch reencrypt'
            set options '--to'\t'Key to move lines to that name none; else the newest version of theirs.' \
                '--key'\t'Key to move lines to that name none; else the newest version of theirs.' \
                '--in-flight'\t'Calls at once.' \
                '--rate'\t'Calls a second. Default: 80 % of the quota.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--to' \
                '--key' \
                '--in-flight' \
                '--rate' \
                '--dask'
        case 'kmstool completion'
            set options '--install'\t'Put it where the shell looks for it.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool data-key'
            set commands 'blob'\t'Print a data key as a ciphertext blob.' \
                'cancel-deletion'\t'Cancel the scheduled deletion of data keys.' \
                'disable'\t'Disable data keys; KMS stops releasing them.' \
                'enable'\t'Enable data keys.' \
                'generate'\t'Generate a data key and store it in KMS.' \
                'import'\t'Let KMS keep a data key that you have.' \
                'list'\t'List the data keys of the region.' \
                'plaintext'\t'Write the bytes of a data key.' \
                'rename'\t'Give a data key another name.' \
                'schedule-deletion'\t'Let KMS destroy disabled data keys after some days.' \
                'set-description'\t'Replace the description of a data key.' \
                'show'\t'Show a data key\'s details.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool data-key blob'
            set options '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '-o' \
                '--out'
        case 'kmstool data-key cancel-deletion'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool data-key disable'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool data-key enable'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool data-key generate'
            set options '--key'\t'Key id, alias or REGION:NAME; default: the profile\'s key.' \
                '--name'\t'Its name: 1 to 60 letters, digits, - and _.' \
                '--bytes'\t'Size.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--description'\t'Free text, at most 100 bytes.' \
                '--tag'\t'Tag of the data key; repeatable.' \
                '--shield-dek'\t'Have KMS encrypt the response to this process, hiding it from TLS-inspecting proxies.' \
                '-o'\t'Write the bytes of the data key to this file as well.' \
                '--out'\t'Write the bytes of the data key to this file as well.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--name' \
                '--bytes' \
                '--context' \
                '--context-text' \
                '--description' \
                '--tag' \
                '-o' \
                '--out'
        case 'kmstool data-key import'
            set options '--key'\t'Key id, alias or REGION:NAME; default: the profile\'s key.' \
                '--name'\t'Its name: 1 to 60 letters, digits, - and _.' \
                '--blob'\t'Import what is in this ciphertext blob; - is stdin.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '--description'\t'Free text, at most 100 bytes.' \
                '--tag'\t'Tag of the data key; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--name' \
                '--blob' \
                '--description' \
                '--tag'
        case 'kmstool data-key list'
            set options '--state'\t'Only data keys in this state.' \
                '--key'\t'Only data keys under this key.' \
                '--search'\t'Only data keys with this in their name or id.' \
                '--origin'\t'Only data keys of this origin.' \
                '--bytes'\t'Only data keys of this size.' \
                '--tag'\t'Only data keys with this tag; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--state' \
                '--key' \
                '--search' \
                '--origin' \
                '--bytes' \
                '--tag'
        case 'kmstool data-key plaintext'
            set options '--shield-dek'\t'Have KMS encrypt the response to this process, hiding it from TLS-inspecting proxies.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '-o' \
                '--out'
        case 'kmstool data-key rename'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool data-key schedule-deletion'
            set options '--days'\t'Days until then: 7 to 30.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--days'
        case 'kmstool data-key set-description'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool data-key show'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool decrypt'
            set options '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--shield-dek'\t'Have KMS encrypt the response to this process, hiding it from TLS-inspecting proxies.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--context' \
                '--context-text' \
                '-o' \
                '--out'
        case 'kmstool digest'
            set options '--algorithm'\t'sm2 is SM3 with key and user id.' \
                '--public-key'\t'Public key: PEM, DER, base64 or a bare SM2 point.' \
                '--id'\t'SM2 user ID (default 1234567812345678).' \
                '--raw'\t'Write bytes in place of hex.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--algorithm' \
                '--public-key' \
                '--id' \
                '-o' \
                '--out'
        case 'kmstool doctor'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool encrypt'
            set options '--key'\t'Key id, alias or REGION:NAME; default: the profile\'s key.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--context' \
                '--context-text' \
                '-o' \
                '--out'
        case 'kmstool envelope'
            set commands 'decrypt'\t'Open an envelope.' \
                'encrypt'\t'Put a file or stream into an envelope.' \
                'import-legacy'\t'Bring data of Tencent\'s old sample into an envelope.' \
                'inspect'\t'Show what an envelope says without opening it.' \
                'rewrap'\t'Give envelopes other recipients.' \
                'verify'\t'Check that an envelope is whole and unaltered.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool envelope decrypt'
            set options '--key'\t'Ask only for this key; repeatable.' \
                '--identity'\t'RSA private key in PEM; repeatable.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--shield-dek'\t'Have KMS encrypt the response to this process, hiding it from TLS-inspecting proxies.' \
                '--detached'\t'Read the header from a file of its own.' \
                '--range'\t'Only the bytes A to B of the plaintext, counted from 0.' \
                '--verify-first'\t'Authenticate all before the first byte is written.' \
                '-r'\t'FILE is a folder; every envelope in it is opened into OUT.' \
                '--recursive'\t'FILE is a folder; every envelope in it is opened into OUT.' \
                '--ignore-path'\t'With --recursive: files may have been moved or renamed.' \
                '--no-manifest'\t'With --recursive: do not look for what is missing or extra.' \
                '--shard'\t'With --recursive: do the I-th of N shares of the files; auto/N in Kubernetes and Slurm.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--identity' \
                '--context' \
                '--context-text' \
                '--detached' \
                '--range' \
                '--shard' \
                '--dask' \
                '-o' \
                '--out'
        case 'kmstool envelope encrypt'
            set options '--key'\t'Key that can open it; repeatable. Default: the profile\'s.' \
                '--public-key'\t'Add a recipient by public key, without contacting KMS (repeatable).' \
                '--data-key'\t'Use this KMS-hosted data key as the file key.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--shield-dek'\t'Have KMS encrypt the response to this process, hiding it from TLS-inspecting proxies.' \
                '--aad'\t'Additional authenticated data stored in the header, never sent to KMS (repeatable).' \
                '--suite'\t'Cipher.' \
                '-a'\t'Write text (PEM) in place of binary data.' \
                '--armor'\t'Write text (PEM) in place of binary data.' \
                '--detached'\t'Write the header to a file of its own.' \
                '--reserve'\t'Reserve header space so that rewrap can work in place.' \
                '-r'\t'FILE is a folder; every regular file in it is encrypted into OUT.' \
                '--recursive'\t'FILE is a folder; every regular file in it is encrypted into OUT.' \
                '--dek-per-file'\t'With --recursive: ask KMS for a data key for each file.' \
                '--no-manifest'\t'With --recursive: write no list of the files, which tells later what is missing.' \
                '--shard'\t'With --recursive: do the I-th of N shares of the files; auto/N in Kubernetes and Slurm.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--public-key' \
                '--data-key' \
                '--context' \
                '--context-text' \
                '--aad' \
                '--suite' \
                '--detached' \
                '--shard' \
                '--dask' \
                '-o' \
                '--out'
        case 'kmstool envelope import-legacy'
            set options '--scheme'\t'How it was made.' \
                '--blob'\t'The ciphertext blob of the data key.' \
                '--algorithm'\t'Cipher of the data.' \
                '--input-encoding'\t'How the bytes in FILE are written.' \
                '--trailing-zeros'\t'What zeros at the end are.' \
                '--key'\t'Recipient of the new envelope; repeatable.' \
                '--to-plaintext'\t'Write the plaintext itself.' \
                '--check'\t'Only count blocks that occur twice.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--scheme' \
                '--blob' \
                '--algorithm' \
                '--input-encoding' \
                '--trailing-zeros' \
                '--key' \
                '-o' \
                '--out'
        case 'kmstool envelope inspect'
            set options '--detached'\t'Read the header from a file of its own.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--detached'
        case 'kmstool envelope rewrap'
            set options '--to'\t'New recipient (repeatable); replaces all existing ones.' \
                '--from'\t'Open or move only what is under this key; repeatable.' \
                '--identity'\t'RSA private key in PEM that opens them; repeatable.' \
                '--server-side'\t'With --from: KMS re-encrypts the data key, which needs no right to decrypt.' \
                '--payload'\t'Payload of a detached header, to check the data key with.' \
                '-r'\t'FILE is a folder; every envelope in it gets the recipients.' \
                '--recursive'\t'FILE is a folder; every envelope in it gets the recipients.' \
                '--shard'\t'With --recursive: do the I-th of N shares of the files; auto/N in Kubernetes and Slurm.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--to' \
                '--from' \
                '--identity' \
                '--payload' \
                '--shard' \
                '--dask'
        case 'kmstool envelope verify'
            set options '--key'\t'Ask only for this key; repeatable.' \
                '--identity'\t'RSA private key in PEM; repeatable.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--shield-dek'\t'Have KMS encrypt the response to this process, hiding it from TLS-inspecting proxies.' \
                '--detached'\t'Read the header from a file of its own.' \
                '-r'\t'FILE is a folder; every envelope in it is checked.' \
                '--recursive'\t'FILE is a folder; every envelope in it is checked.' \
                '--ignore-path'\t'With --recursive: files may have been moved or renamed.' \
                '--no-manifest'\t'With --recursive: do not look for what is missing or extra.' \
                '--shard'\t'With --recursive: do the I-th of N shares of the files; auto/N in Kubernetes and Slurm.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--identity' \
                '--context' \
                '--context-text' \
                '--detached' \
                '--shard' \
                '--dask'
        case 'kmstool exec'
            set options '--env'\t'Variable to put the secret of a ciphertext blob into; repeatable.' \
                '--context'\t'Encryption context of the blobs that follow it; repeatable.' \
                '--context-text'\t'The same as the exact text that KMS got from another program.' \
                '--shield-dek'\t'Have KMS encrypt the response to this process, hiding it from TLS-inspecting proxies.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '--keep'\t'Hand this variable on, which is for kmstool itself; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--env' \
                '--context' \
                '--context-text' \
                '--keep'
        case 'kmstool fingerprint'
            set commands 'bind'\t'Bind a white-box key to more devices.' \
                'import'\t'Bind a white-box key to the devices of a CSV list.' \
                'list'\t'List the devices that a white-box key is bound to.' \
                'show'\t'Print the fingerprint of this device.' \
                'template'\t'Print a CSV list of devices, empty or of a white-box key.' \
                'unbind'\t'Unbind devices from a white-box key.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool fingerprint bind'
            set options '--description'\t'What these devices are, at most 1,024 bytes.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--description'
        case 'kmstool fingerprint import'
            set options '--replace'\t'Unbind the devices that are not in the list.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool fingerprint list'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool fingerprint show'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool fingerprint template'
            set options '--key'\t'White-box key whose devices are to be in the list.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key'
        case 'kmstool fingerprint unbind'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool help'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool import-material'
            set options '--algorithm'\t'How the material is wrapped.' \
                '--valid-to'\t'When the material expires (365d, 2027-01-31, Unix seconds); default: never.' \
                '--generate'\t'Make the material here, in place of FILE.' \
                '--backup'\t'With --generate: where to keep it; never over another file.' \
                '--encrypt-backup'\t'With --generate: keep it under a passphrase. Implied by --passphrase-file.' \
                '--passphrase-file'\t'The passphrase of an encrypted backup, old or new; else asked for.' \
                '--weak'\t'Take a new passphrase of less than 8 characters too.' \
                '--input-encoding'\t'How the bytes in FILE are written.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '--check'\t'Verify the import by decrypting this existing ciphertext blob.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--algorithm' \
                '--valid-to' \
                '--backup' \
                '--passphrase-file' \
                '--input-encoding' \
                '--check' \
                '--context' \
                '--context-text'
        case 'kmstool init'
            set options '--local'\t'Use the embedded KMS of this machine.' \
                '--secret-id'\t'The SecretId; else asked for, or the first line of stdin.' \
                '--store'\t'Where to keep the credential.' \
                '--passphrase-file'\t'With --store file: its passphrase; /dev/fd/N too.' \
                '--weak'\t'Take a new passphrase of less than 8 characters too.' \
                '--whitebox'\t'Folder made by kmstool whitebox bundle with the SecretKey in it.' \
                '--no-verify'\t'Do not try the credential on KMS first.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--secret-id' \
                '--store' \
                '--passphrase-file' \
                '--whitebox'
        case 'kmstool key'
            set commands 'archive'\t'Make a key decrypt-only.' \
                'bind'\t'Record that a cloud resource uses a key.' \
                'cancel-deletion'\t'Cancel scheduled deletion; keys stay disabled.' \
                'create'\t'Create a key and print its id.' \
                'disable'\t'Disable keys; they can no longer be used.' \
                'enable'\t'Enable keys.' \
                'list'\t'List all keys of the region.' \
                'rename'\t'Give a key another alias.' \
                'replace'\t'Give the alias of an asymmetric key to a new key.' \
                'rotate'\t'Give a key new material now; older blobs stay readable.' \
                'rotation'\t'Enable, disable or show automatic rotation.' \
                'schedule-deletion'\t'Let KMS destroy disabled keys after some days.' \
                'set-description'\t'Replace the description of a key.' \
                'show'\t'Show a key\'s details.' \
                'tag'\t'List, set and remove the tags of a key.' \
                'unarchive'\t'Restore an archived key to normal use.' \
                'unbind'\t'Record that a cloud resource no longer uses a key.' \
                'usages'\t'List the key usages that the region offers.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key archive'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key bind'
            set options '--product'\t'Cloud product, such as ssm or mysql.' \
                '--resource'\t'Resource of that product.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--product' \
                '--resource'
        case 'kmstool key cancel-deletion'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key create'
            set options '--alias'\t'Name of the key: 1 to 60 letters, digits, - and _.' \
                '--usage'\t'What the key is for.' \
                '--external'\t'Create without key material, to import your own (BYOK).' \
                '--description'\t'Free text, at most 1,024 bytes.' \
                '--tag'\t'Tag of the key; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--alias' \
                '--usage' \
                '--description' \
                '--tag'
        case 'kmstool key disable'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key enable'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key list'
            set options '--state'\t'Only keys in this state.' \
                '--usage'\t'Only keys for this purpose.' \
                '--search'\t'Only keys with this in their alias or id.' \
                '--origin'\t'Only keys with material of this origin.' \
                '--owner'\t'Whose keys.' \
                '--tag'\t'Only keys with this tag; repeatable.' \
                '--watch'\t'Show the list again whenever it changes, until Ctrl-C.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--state' \
                '--usage' \
                '--search' \
                '--origin' \
                '--owner' \
                '--tag'
        case 'kmstool key rename'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key replace'
            set options '--tag'\t'Tag of the new key, in place of the old one\'s; repeatable.' \
                '--no-tags'\t'Give the new key no tags.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--tag'
        case 'kmstool key rotate'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key rotation'
            set options '--days'\t'With on: the cycle in days; else 365.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--days'
        case 'kmstool key schedule-deletion'
            set options '--days'\t'Days until then: 7 to 30.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--days'
        case 'kmstool key set-description'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key show'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key tag'
            set options '--remove'\t'Remove this tag; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--remove'
        case 'kmstool key unarchive'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool key unbind'
            set options '--product'\t'Cloud product, such as ssm or mysql.' \
                '--resource'\t'Resource of that product.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--product' \
                '--resource'
        case 'kmstool key usages'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local'
            set commands 'assume'\t'Choose what to assume where the cloud does not tell.' \
                'backup'\t'Write a copy of the store, also while it is in use.' \
                'clock'\t'Move the local KMS\'s clock.' \
                'credentials'\t'Make, list and delete the API keys of the served KMS.' \
                'env'\t'Print shell exports for tccli and the SDKs.' \
                'export'\t'Write all keys as a seed file.' \
                'faults'\t'Make the served KMS fail on purpose, to test its clients.' \
                'protect'\t'Choose where the root key of the store is kept.' \
                'reset'\t'Destroy the store and every key in it.' \
                'restore'\t'Replace the store with a backup.' \
                'seed'\t'Add keys with fixed ids and states from a TOML file.' \
                'serve'\t'Serve the local KMS over HTTP on this machine.' \
                'status'\t'Show the store, its protection, clock and regions.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local assume'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local backup'
            set options '--force'\t'Replace an existing file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local clock'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local credentials'
            set commands 'create'\t'Make an API key and print it.' \
                'delete'\t'Delete an API key or token with all that comes from it.' \
                'list'\t'List the API keys and tokens that are good now.' \
                'token'\t'Print a web identity token.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local credentials create'
            set options '--lifetime'\t'Make a temporary one with a token: 90s, 30m, 12h, 1d.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--lifetime'
        case 'kmstool local credentials delete'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local credentials list'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local credentials token'
            set options '--lifetime'\t'How long it is good.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--lifetime'
        case 'kmstool local env'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local export'
            set options '--plaintext'\t'Include plaintext key material.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '-o' \
                '--out'
        case 'kmstool local faults'
            set commands 'add'\t'Add a fault rule; takes effect with the next request.' \
                'clear'\t'Remove all rules.' \
                'list'\t'List the rules.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local faults add'
            set options '--action'\t'Action that it applies to.' \
                '--nth'\t'Apply to the nth request only.' \
                '--probability'\t'Apply by chance.' \
                '--after'\t'Perform the action first; only the answer suffers.' \
                '--code'\t'Answer with this error code.' \
                '--delay'\t'Answer late: 2s, 40ms.' \
                '--drop'\t'Close the connection without an answer.' \
                '--truncate'\t'Send half of the answer.' \
                '--content-type'\t'Label the answer with this type.' \
                '--http-status'\t'Answer with this HTTP status.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--action' \
                '--nth' \
                '--probability' \
                '--code' \
                '--delay' \
                '--content-type' \
                '--http-status'
        case 'kmstool local faults clear'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local faults list'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local protect'
            set options '--passphrase-file'\t'Take the new passphrase from here; a descriptor is /dev/fd/N.' \
                '--weak'\t'Take a new passphrase of less than 8 characters too.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--passphrase-file'
        case 'kmstool local reset'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local restore'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local seed'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool local serve'
            set options '--host'\t'Loopback address to listen on.' \
                '--port'\t'Port; 0 takes a free one.' \
                '--port-file'\t'Write the bare port number here once ready.' \
                '--socket'\t'Listen on a Unix socket too, for this user only.' \
                '--tls'\t'Speak TLS on the port, with a certificate that local env tells clients to trust.' \
                '--tls-cert'\t'Certificate for TLS, with its chain (PEM); implies --tls.' \
                '--tls-key'\t'Private key of the certificate (PEM).' \
                '--quota'\t'Keep to the request rates that the cloud publishes, or to RATE requests of each action in a second.' \
                '--lenient'\t'Take requests without a region, which the cloud refuses.' \
                '--assume'\t'Take these answers to unknowns; see local assume.' \
                '--metadata'\t'Be a CVM\'s metadata service too, at a secret place.' \
                '--web-identity'\t'Give keys for the tokens of local credentials token.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--host' \
                '--port' \
                '--port-file' \
                '--socket' \
                '--tls-cert' \
                '--tls-key' \
                '--quota' \
                '--assume'
        case 'kmstool local status'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool material'
            set commands 'delete'\t'Let KMS destroy the imported material of a key.' \
                'params'\t'Get a wrapping key and a token for an import.' \
                'upload'\t'Give wrapped material to KMS.' \
                'wrap'\t'Wrap key material, on a machine without a network.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool material delete'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool material params'
            set options '--algorithm'\t'How the material is wrapped.' \
                '-o'\t'Where to put them: a new folder, or an empty one.' \
                '--out'\t'Where to put them: a new folder, or an empty one.' \
                '--force'\t'Replace the parameters in that folder.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--algorithm' \
                '-o' \
                '--out'
        case 'kmstool material upload'
            set options '--params'\t'What kmstool material params made.' \
                '--valid-to'\t'When the material expires (365d, 2027-01-31, Unix seconds); default: never.' \
                '--check'\t'Verify the import by decrypting this existing ciphertext blob.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--params' \
                '--valid-to' \
                '--check' \
                '--context' \
                '--context-text'
        case 'kmstool material wrap'
            set options '--params'\t'What kmstool material params made.' \
                '--input-encoding'\t'How the bytes in FILE are written.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '--passphrase-file'\t'The passphrase of an encrypted backup, old or new; else asked for.' \
                '--raw'\t'Write the wrapped bytes alone, for other programs.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--params' \
                '--input-encoding' \
                '--passphrase-file' \
                '-o' \
                '--out'
        case 'kmstool migrate'
            set commands 'apply'\t'Do what a plan says, or go on with it.' \
                'plan'\t'Look for blobs of 2017, and change nothing.' \
                'rollback'\t'Put the old ciphertexts back.' \
                'status'\t'Show how far a plan is.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool migrate apply'
            set options '--rate'\t'Calls a second of each action. Default: 80 % of its quota.' \
                '--workers'\t'Calls that are on their way at once.' \
                '--shard'\t'Do the I-th of N shares; auto/N in Kubernetes and Slurm.' \
                '--verify'\t'Which new ciphertexts are compared with the old ones, in memory, before they are written.' \
                '--old-profile'\t'Profile that opens the old blobs. Default: the one in use.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--rate' \
                '--workers' \
                '--shard' \
                '--verify' \
                '--old-profile' \
                '--dask'
        case 'kmstool migrate plan'
            set options '--to'\t'Key of today to move them to.' \
                '-o'\t'Write the plan here.' \
                '--out'\t'Write the plan here.' \
                '--force'\t'Replace an existing plan.' \
                '--old-profile'\t'Profile that opens the old blobs. Default: the one in use.' \
                '--old-region'\t'Region of the old KMS. Default: that of its profile or the key.' \
                '--old-form'\t'Files that are one blob, or all base64 in texts: the old KMS gets to see it.' \
                '--base64'\t'Find blobs in base64 once more, as in a Kubernetes Secret.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--contexts'\t'TOML of globs and the contexts of the blobs in such files.' \
                '--manifest'\t'JSON Lines with id, blob and context; repeatable.' \
                '--include'\t'Look into such files only; repeatable.' \
                '--exclude'\t'Do not look into such files; repeatable.' \
                '--hard-links'\t'Replace files with several names too: the others stay as they are.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--to' \
                '-o' \
                '--out' \
                '--old-profile' \
                '--old-region' \
                '--old-form' \
                '--context' \
                '--context-text' \
                '--contexts' \
                '--manifest' \
                '--include' \
                '--exclude'
        case 'kmstool migrate rollback'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool migrate status'
            set options '--html'\t'Write a page for a browser here.' \
                '--watch'\t'Show it again until all is done.' \
                '--merge'\t'Count this journal of another machine too; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--html' \
                '--merge'
        case 'kmstool profile'
            set commands 'list'\t'List the profiles.' \
                'remove'\t'Remove a profile and the credential that is kept for it.' \
                'set'\t'Make or change a profile.' \
                'show'\t'Show a profile, else the one in use.' \
                'use'\t'Use this profile from now on.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool profile list'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool profile remove'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool profile set'
            set options '--key'\t'Key for commands that name none; empty for none.' \
                '--credentials'\t'Where its credentials come from.' \
                '--role-arn'\t'Role to assume with them; empty for none.' \
                '--role-session'\t'Name of that role\'s session in the records of the cloud.' \
                '--sts-endpoint'\t'Host or URL of STS, which is asked for the role.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--credentials' \
                '--role-arn' \
                '--role-session' \
                '--sts-endpoint'
        case 'kmstool profile show'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool profile use'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool public-key'
            set options '--encoding'\t'Output form.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--encoding' \
                '-o' \
                '--out'
        case 'kmstool random'
            set options '--encoding'\t'Output form; else hex.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--encoding' \
                '-o' \
                '--out'
        case 'kmstool reencrypt'
            set options '--to'\t'Key to move to; else the newest version of the blob\'s own.' \
                '--key'\t'Key to move to; else the newest version of the blob\'s own.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--to-context'\t'New context; else it stays the same. Repeatable.' \
                '--to-context-text'\t'The context as the exact text that KMS got from another program.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--to' \
                '--key' \
                '--context' \
                '--context-text' \
                '--to-context' \
                '--to-context-text' \
                '-o' \
                '--out'
        case 'kmstool rotate'
            set commands 'apply'\t'Do what a plan says, or go on with it.' \
                'finish'\t'Forget how to roll back, when all has moved.' \
                'plan'\t'Look for what is under a key, and change nothing.' \
                'rollback'\t'Put the old ciphertexts back.' \
                'status'\t'Show how far a plan is.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool rotate apply'
            set options '--rate'\t'Calls a second of each action. Default: 80 % of its quota.' \
                '--workers'\t'Calls that are on their way at once.' \
                '--shard'\t'Do the I-th of N shares; auto/N in Kubernetes and Slurm.' \
                '--verify'\t'Which new ciphertexts are compared with the old ones, in memory, before they are written.' \
                '--dask'\t'Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask].' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--rate' \
                '--workers' \
                '--shard' \
                '--verify' \
                '--dask'
        case 'kmstool rotate finish'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool rotate plan'
            set options '--from'\t'Key that the ciphertexts are under.' \
                '--to'\t'Key to move them to. Default: its newest version.' \
                '-o'\t'Write the plan here.' \
                '--out'\t'Write the plan here.' \
                '--force'\t'Replace an existing plan.' \
                '--base64'\t'Find blobs in base64 once more, as in a Kubernetes Secret.' \
                '--context'\t'Encryption context, bound to the data; repeatable.' \
                '--context-text'\t'The context as the exact text that KMS got from another program.' \
                '--contexts'\t'TOML of globs and the contexts of the blobs in such files.' \
                '--manifest'\t'JSON Lines with id, blob and context; repeatable.' \
                '--include'\t'Look into such files only; repeatable.' \
                '--exclude'\t'Do not look into such files; repeatable.' \
                '--asymmetric'\t'Such files are RSA or SM2 ciphertexts; repeatable.' \
                '--hard-links'\t'Replace files with several names too: the others stay as they are.' \
                '--no-probe'\t'Do not ask KMS where each blob stands.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--from' \
                '--to' \
                '-o' \
                '--out' \
                '--context' \
                '--context-text' \
                '--contexts' \
                '--manifest' \
                '--include' \
                '--exclude' \
                '--asymmetric'
        case 'kmstool rotate rollback'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool rotate status'
            set options '--html'\t'Write a page for a browser here.' \
                '--watch'\t'Show it again until all is done.' \
                '--merge'\t'Count this journal of another machine too; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--html' \
                '--merge'
        case 'kmstool shell'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool sign'
            set options '--key'\t'Key id, alias or REGION:NAME; default: the profile\'s key.' \
                '--algorithm'\t'Signature algorithm (default: the key\'s preferred one).' \
                '--digest'\t'Hash locally: auto (over 4,096 bytes), always, never.' \
                '--message-type'\t'What FILE holds.' \
                '--id'\t'SM2 user ID (default 1234567812345678).' \
                '--raw'\t'Write bytes to stdout in place of base64.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--algorithm' \
                '--digest' \
                '--message-type' \
                '--id' \
                '-o' \
                '--out'
        case 'kmstool verify'
            set options '--signature'\t'The signature: DER or raw r and s, as bytes or text.' \
                '--key'\t'Key id, alias or REGION:NAME; default: the profile\'s key.' \
                '--local'\t'Verify on this machine, without KMS or network.' \
                '--public-key'\t'Public key: PEM, DER, base64 or a bare SM2 point.' \
                '--algorithm'\t'Signature algorithm (default: the key\'s preferred one).' \
                '--message-type'\t'What FILE holds.' \
                '--id'\t'SM2 user ID (default 1234567812345678).' \
                '--signature-format'\t'Its encoding.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--signature' \
                '--key' \
                '--public-key' \
                '--algorithm' \
                '--message-type' \
                '--id' \
                '--signature-format'
        case 'kmstool version'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool whitebox'
            set commands 'bundle'\t'Encrypt for a service: key file, IV and ciphertext.' \
                'create'\t'Create a white-box key and print its id.' \
                'decrypt'\t'Decrypt on this machine, without KMS.' \
                'delete'\t'Destroy a disabled white-box key at once.' \
                'disable'\t'Disable white-box keys, so that they encrypt no longer.' \
                'download-key'\t'Fetch the key file that decrypts, for bound devices.' \
                'enable'\t'Enable white-box keys.' \
                'encrypt'\t'Encrypt up to 4,096 bytes under a white-box key.' \
                'exec'\t'Run a command with a decrypted secret in its environment.' \
                'list'\t'List all white-box keys of the region.' \
                'renew'\t'Move a bundle to another white-box key, in its place.' \
                'show'\t'Show a white-box key\'s details.'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool whitebox bundle'
            set options '--key'\t'Id or alias of the white-box key.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '-o'\t'Folder for the files.' \
                '--out'\t'Folder for the files.' \
                '--force'\t'Replace these files, all at once.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '-o' \
                '--out'
        case 'kmstool whitebox create'
            set options '--alias'\t'Name of the key: 1 to 60 letters, digits, - and _.' \
                '--algorithm'\t'What the key is for.' \
                '--description'\t'Free text, at most 1,024 bytes.' \
                '--tag'\t'Tag of the key; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--alias' \
                '--algorithm' \
                '--description' \
                '--tag'
        case 'kmstool whitebox decrypt'
            set options '--bundle'\t'Folder made by kmstool whitebox bundle.' \
                '--key-file'\t'Key file, as kmstool whitebox download-key writes it.' \
                '--iv'\t'With --key-file: the IV in base64.' \
                '--input-encoding'\t'How the bytes in FILE are written.' \
                '--require-mac'\t'Refuse a bundle without a MAC.' \
                '--sdk-lib'\t'Tencent\'s white-box library, for key files of Tencent Cloud; else KMSTOOL_SDK_LIB.' \
                '--algorithm'\t'With --sdk-lib, where the name of the key file does not tell it.' \
                '-o'\t'Output file; "-" for stdout.' \
                '--out'\t'Output file; "-" for stdout.' \
                '--force'\t'Replace an existing output file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--bundle' \
                '--key-file' \
                '--iv' \
                '--input-encoding' \
                '--sdk-lib' \
                '--algorithm' \
                '-o' \
                '--out'
        case 'kmstool whitebox delete'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool whitebox disable'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool whitebox download-key'
            set options '-o'\t'File to write, for its owner only.' \
                '--out'\t'File to write, for its owner only.' \
                '--force'\t'Replace an existing file.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '-o' \
                '--out'
        case 'kmstool whitebox enable'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool whitebox encrypt'
            set options '--key'\t'Id or alias of the white-box key.' \
                '--iv'\t'IV of 16 bytes in base64; else KMS draws one.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '-o'\t'Write iv.base64 and ciphertext.base64 into this folder.' \
                '--out'\t'Write iv.base64 and ciphertext.base64 into this folder.' \
                '--force'\t'Replace these files, all at once; a mac.base64 of them goes.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--key' \
                '--iv' \
                '-o' \
                '--out'
        case 'kmstool whitebox exec'
            set options '--bundle'\t'Folder made by kmstool whitebox bundle.' \
                '--env'\t'Variable to put the secret into.' \
                '--require-mac'\t'Refuse a bundle without a MAC.' \
                '--sdk-lib'\t'Tencent\'s white-box library, for key files of Tencent Cloud; else KMSTOOL_SDK_LIB.' \
                '--trim-newline'\t'Drop exactly one newline at the end.' \
                '--keep'\t'Hand this variable on, which is for kmstool itself; repeatable.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--bundle' \
                '--env' \
                '--sdk-lib' \
                '--keep'
        case 'kmstool whitebox list'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case 'kmstool whitebox renew'
            set options '--to'\t'White-box key to move it to.' \
                '--key'\t'White-box key to move it to.' \
                '--no-bind'\t'Leave the devices of the new key as they are.' \
                '--require-mac'\t'Refuse a bundle without a MAC.' \
                '--sdk-lib'\t'Tencent\'s white-box library, for key files of Tencent Cloud; else KMSTOOL_SDK_LIB.' \
                '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
            set valued '--to' \
                '--key' \
                '--sdk-lib'
        case 'kmstool whitebox show'
            set options '-h'\t'Show this message and exit.' \
                '--help'\t'Show this message and exit.'
        case '*'
            return
    end
    set --append options '--profile'\t'Profile to use: which KMS, region and key.' \
        '--region'\t'Region of the keys.' \
        '--endpoint'\t'KMS host or URL to use instead of the default.' \
        '--transport'\t'What sends requests: kmstool itself, or Tencent\'s SDK.' \
        '--timeout'\t'Seconds that one call to KMS may take; default 30.' \
        '--retries'\t'Maximum number of retries; default 10, or 1 where nothing is at the address.' \
        '--max-wait'\t'Give up retrying after this many seconds; default 60.' \
        '--format'\t'Output format: text, or the API response as JSON; default text.' \
        '--query'\t'Filter the JSON response with a JMESPath expression.' \
        '--yes'\t'Answer yes to every question.' \
        '--dry-run'\t'Show what would change without changing anything.' \
        '--no-input'\t'Never ask anything.' \
        '--quiet'\t'Print no notes.' \
        '--verbose'\t'Report each call to KMS.' \
        '--debug'\t'Show where an unexpected error came from.' \
        '--no-color'\t'Use no colours.' \
        '--no-pager'\t'Do not send long lists through a pager.'
    set --append valued '--profile' \
        '--region' \
        '--endpoint' \
        '--transport' \
        '--timeout' \
        '--retries' \
        '--max-wait' \
        '--format' \
        '--query'
end

function __kmstool_place --no-scope-shadowing
    switch "$path $place"
        case 'kmstool api --params'
            set source '@file'
        case 'kmstool api #0'
            set words 'ArchiveKey' \
                'AsymmetricRsaDecrypt' \
                'AsymmetricSm2Decrypt' \
                'BindCloudResource' \
                'CancelDataKeyDeletion' \
                'CancelKeyArchive' \
                'CancelKeyDeletion' \
                'CreateKey' \
                'CreateWhiteBoxKey' \
                'Decrypt' \
                'DeleteImportedKeyMaterial' \
                'DeleteWhiteBoxKey' \
                'DescribeDataKey' \
                'DescribeDataKeys' \
                'DescribeKey' \
                'DescribeKeys' \
                'DescribeWhiteBoxDecryptKey' \
                'DescribeWhiteBoxDeviceFingerprints' \
                'DescribeWhiteBoxKey' \
                'DescribeWhiteBoxKeyDetails' \
                'DescribeWhiteBoxServiceStatus' \
                'DisableDataKey' \
                'DisableDataKeys' \
                'DisableKey' \
                'DisableKeyRotation' \
                'DisableKeys' \
                'DisableWhiteBoxKey' \
                'DisableWhiteBoxKeys' \
                'EnableDataKey' \
                'EnableDataKeys' \
                'EnableKey' \
                'EnableKeyRotation' \
                'EnableKeys' \
                'EnableWhiteBoxKey' \
                'EnableWhiteBoxKeys' \
                'Encrypt' \
                'EncryptByWhiteBox' \
                'GenerateDataKey' \
                'GenerateRandom' \
                'GetDataKeyCiphertextBlob' \
                'GetDataKeyPlaintext' \
                'GetKeyRotationStatus' \
                'GetParametersForImport' \
                'GetPublicKey' \
                'GetRegions' \
                'GetServiceStatus' \
                'ImportDataKey' \
                'ImportKeyMaterial' \
                'ListAlgorithms' \
                'ListDataKeyDetail' \
                'ListDataKeys' \
                'ListKeyDetail' \
                'ListKeys' \
                'OverwriteWhiteBoxDeviceFingerprints' \
                'PostQuantumCryptoDecrypt' \
                'PostQuantumCryptoEncrypt' \
                'PostQuantumCryptoSign' \
                'PostQuantumCryptoVerify' \
                'ReEncrypt' \
                'RotateKey' \
                'ScheduleDataKeyDeletion' \
                'ScheduleKeyDeletion' \
                'SignByAsymmetricKey' \
                'UnbindCloudResource' \
                'UpdateAlias' \
                'UpdateDataKeyDescription' \
                'UpdateDataKeyName' \
                'UpdateKeyDescription' \
                'VerifyByAsymmetricKey'
        case 'kmstool asymmetric decrypt --key'
            set source 'keys'
        case 'kmstool asymmetric decrypt --algorithm'
            set words 'RSAES_OAEP_SHA_256' \
                'RSAES_OAEP_SHA_1' \
                'RSAES_PKCS1_V1_5'
        case 'kmstool asymmetric decrypt --ciphertext-format'
            set words 'auto' \
                'der' \
                'c1c3c2' \
                'c1c2c3'
        case 'kmstool asymmetric decrypt -o'
            set source 'file'
        case 'kmstool asymmetric decrypt --out'
            set source 'file'
        case 'kmstool asymmetric decrypt #0'
            set source 'file'
        case 'kmstool asymmetric encrypt --key'
            set source 'keys'
        case 'kmstool asymmetric encrypt --public-key'
            set source 'file'
        case 'kmstool asymmetric encrypt --algorithm'
            set words 'RSAES_OAEP_SHA_256' \
                'RSAES_OAEP_SHA_1' \
                'RSAES_PKCS1_V1_5'
        case 'kmstool asymmetric encrypt -o'
            set source 'file'
        case 'kmstool asymmetric encrypt --out'
            set source 'file'
        case 'kmstool asymmetric encrypt #0'
            set source 'file'
        case 'kmstool auth import-tccli --store'
            set words 'keyring' \
                'file'
        case 'kmstool auth import-tccli --passphrase-file'
            set source 'file'
        case 'kmstool auth login --store'
            set words 'keyring' \
                'file'
        case 'kmstool auth login --passphrase-file'
            set source 'file'
        case 'kmstool auth login --whitebox'
            set source 'file'
        case 'kmstool batch decrypt --key'
            set source 'keys'
        case 'kmstool batch decrypt #0'
            set source 'file'
        case 'kmstool batch encrypt --key'
            set source 'keys'
        case 'kmstool batch encrypt #0'
            set source 'file'
        case 'kmstool batch reencrypt --to'
            set source 'keys'
        case 'kmstool batch reencrypt --key'
            set source 'keys'
        case 'kmstool batch reencrypt #0'
            set source 'file'
        case 'kmstool completion #0'
            set words 'bash' \
                'zsh' \
                'fish'
        case 'kmstool data-key blob -o'
            set source 'file'
        case 'kmstool data-key blob --out'
            set source 'file'
        case 'kmstool data-key blob #0'
            set source 'data-keys'
        case 'kmstool data-key cancel-deletion #*'
            set source 'data-keys'
        case 'kmstool data-key disable #*'
            set source 'data-keys'
        case 'kmstool data-key enable #*'
            set source 'data-keys'
        case 'kmstool data-key generate --key'
            set source 'keys'
        case 'kmstool data-key generate --context-text'
            set source '@file'
        case 'kmstool data-key generate -o'
            set source 'file'
        case 'kmstool data-key generate --out'
            set source 'file'
        case 'kmstool data-key import --key'
            set source 'keys'
        case 'kmstool data-key import --blob'
            set source 'file'
        case 'kmstool data-key import #0'
            set source 'file'
        case 'kmstool data-key list --state'
            set words 'enabled' \
                'disabled' \
                'pending-delete'
        case 'kmstool data-key list --key'
            set source 'keys'
        case 'kmstool data-key list --origin'
            set words 'kms' \
                'external'
        case 'kmstool data-key plaintext -o'
            set source 'file'
        case 'kmstool data-key plaintext --out'
            set source 'file'
        case 'kmstool data-key plaintext #0'
            set source 'data-keys'
        case 'kmstool data-key rename #0'
            set source 'data-keys'
        case 'kmstool data-key schedule-deletion #*'
            set source 'data-keys'
        case 'kmstool data-key set-description #0'
            set source 'data-keys'
        case 'kmstool data-key show #0'
            set source 'data-keys'
        case 'kmstool decrypt --context-text'
            set source '@file'
        case 'kmstool decrypt -o'
            set source 'file'
        case 'kmstool decrypt --out'
            set source 'file'
        case 'kmstool decrypt #0'
            set source 'file'
        case 'kmstool digest --algorithm'
            set words 'sha256' \
                'sha384' \
                'sm3' \
                'sm2'
        case 'kmstool digest --public-key'
            set source 'file'
        case 'kmstool digest -o'
            set source 'file'
        case 'kmstool digest --out'
            set source 'file'
        case 'kmstool digest #0'
            set source 'file'
        case 'kmstool encrypt --key'
            set source 'keys'
        case 'kmstool encrypt --context-text'
            set source '@file'
        case 'kmstool encrypt -o'
            set source 'file'
        case 'kmstool encrypt --out'
            set source 'file'
        case 'kmstool encrypt #0'
            set source 'file'
        case 'kmstool envelope decrypt --key'
            set source 'keys'
        case 'kmstool envelope decrypt --identity'
            set source 'file'
        case 'kmstool envelope decrypt --context-text'
            set source '@file'
        case 'kmstool envelope decrypt --detached'
            set source 'file'
        case 'kmstool envelope decrypt -o'
            set source 'file'
        case 'kmstool envelope decrypt --out'
            set source 'file'
        case 'kmstool envelope decrypt #0'
            set source 'file'
        case 'kmstool envelope encrypt --key'
            set source 'keys'
        case 'kmstool envelope encrypt --public-key'
            set source 'file'
        case 'kmstool envelope encrypt --data-key'
            set source 'data-keys'
        case 'kmstool envelope encrypt --context-text'
            set source '@file'
        case 'kmstool envelope encrypt --suite'
            set words 'aes-256-gcm' \
                'sm4-gcm'
        case 'kmstool envelope encrypt --detached'
            set source 'file'
        case 'kmstool envelope encrypt -o'
            set source 'file'
        case 'kmstool envelope encrypt --out'
            set source 'file'
        case 'kmstool envelope encrypt #0'
            set source 'file'
        case 'kmstool envelope import-legacy --scheme'
            set words 'tencent-sample-ecb'
        case 'kmstool envelope import-legacy --blob'
            set source 'file'
        case 'kmstool envelope import-legacy --algorithm'
            set words 'aes' \
                'sm4'
        case 'kmstool envelope import-legacy --input-encoding'
            set words 'base64' \
                'raw'
        case 'kmstool envelope import-legacy --trailing-zeros'
            set words 'keep' \
                'strip-block' \
                'refuse'
        case 'kmstool envelope import-legacy --key'
            set source 'keys'
        case 'kmstool envelope import-legacy -o'
            set source 'file'
        case 'kmstool envelope import-legacy --out'
            set source 'file'
        case 'kmstool envelope import-legacy #0'
            set source 'file'
        case 'kmstool envelope inspect --detached'
            set source 'file'
        case 'kmstool envelope inspect #0'
            set source 'file'
        case 'kmstool envelope rewrap --to'
            set source 'keys'
        case 'kmstool envelope rewrap --from'
            set source 'keys'
        case 'kmstool envelope rewrap --identity'
            set source 'file'
        case 'kmstool envelope rewrap --payload'
            set source 'file'
        case 'kmstool envelope rewrap #*'
            set source 'file'
        case 'kmstool envelope verify --key'
            set source 'keys'
        case 'kmstool envelope verify --identity'
            set source 'file'
        case 'kmstool envelope verify --context-text'
            set source '@file'
        case 'kmstool envelope verify --detached'
            set source 'file'
        case 'kmstool envelope verify #0'
            set source 'file'
        case 'kmstool exec --env'
            set source '@file'
        case 'kmstool exec --context-text'
            set source '@file'
        case 'kmstool exec #*'
            set source 'command'
        case 'kmstool fingerprint bind #0'
            set source 'white-box-keys'
        case 'kmstool fingerprint import #0'
            set source 'white-box-keys'
        case 'kmstool fingerprint import #1'
            set source 'file'
        case 'kmstool fingerprint list #0'
            set source 'white-box-keys'
        case 'kmstool fingerprint template --key'
            set source 'white-box-keys'
        case 'kmstool fingerprint unbind #0'
            set source 'white-box-keys'
        case 'kmstool import-material --algorithm'
            set words 'RSAES_OAEP_SHA_256' \
                'RSAES_OAEP_SHA_1' \
                'RSAES_PKCS1_V1_5'
        case 'kmstool import-material --backup'
            set source 'file'
        case 'kmstool import-material --passphrase-file'
            set source 'file'
        case 'kmstool import-material --input-encoding'
            set words 'raw' \
                'hex' \
                'base64'
        case 'kmstool import-material --check'
            set source 'file'
        case 'kmstool import-material --context-text'
            set source '@file'
        case 'kmstool import-material #0'
            set source 'keys'
        case 'kmstool import-material #1'
            set source 'file'
        case 'kmstool init --store'
            set words 'keyring' \
                'file'
        case 'kmstool init --passphrase-file'
            set source 'file'
        case 'kmstool init --whitebox'
            set source 'file'
        case 'kmstool key archive #0'
            set source 'keys'
        case 'kmstool key bind #0'
            set source 'keys'
        case 'kmstool key cancel-deletion #*'
            set source 'keys'
        case 'kmstool key create --usage'
            set words 'symmetric' \
                'rsa-2048' \
                'sm2' \
                'sign-sm2' \
                'sign-rsa-2048' \
                'sign-rsa-3072' \
                'sign-ecc' \
                'sign-ecc-p384' \
                'kyber' \
                'dilithium'
        case 'kmstool key disable #*'
            set source 'keys'
        case 'kmstool key enable #*'
            set source 'keys'
        case 'kmstool key list --state'
            set words 'enabled' \
                'disabled' \
                'pending-delete' \
                'pending-import' \
                'archived'
        case 'kmstool key list --usage'
            set words 'symmetric' \
                'rsa-2048' \
                'sm2' \
                'sign-sm2' \
                'sign-rsa-2048' \
                'sign-rsa-3072' \
                'sign-ecc' \
                'sign-ecc-p384' \
                'kyber' \
                'dilithium'
        case 'kmstool key list --origin'
            set words 'kms' \
                'external'
        case 'kmstool key list --owner'
            set words 'user' \
                'product'
        case 'kmstool key rename #0'
            set source 'keys'
        case 'kmstool key replace #0'
            set source 'keys'
        case 'kmstool key rotate #0'
            set source 'keys'
        case 'kmstool key rotation #0'
            set words 'on' \
                'off' \
                'status'
        case 'kmstool key rotation #1'
            set source 'keys'
        case 'kmstool key schedule-deletion #*'
            set source 'keys'
        case 'kmstool key set-description #0'
            set source 'keys'
        case 'kmstool key show #0'
            set source 'keys'
        case 'kmstool key tag #0'
            set source 'keys'
        case 'kmstool key unarchive #0'
            set source 'keys'
        case 'kmstool key unbind #0'
            set source 'keys'
        case 'kmstool local backup #0'
            set source 'file'
        case 'kmstool local clock #0'
            set words 'show' \
                'advance' \
                'set' \
                'reset'
        case 'kmstool local export -o'
            set source 'file'
        case 'kmstool local export --out'
            set source 'file'
        case 'kmstool local faults add --action'
            set words 'ArchiveKey' \
                'AsymmetricRsaDecrypt' \
                'AsymmetricSm2Decrypt' \
                'BindCloudResource' \
                'CancelDataKeyDeletion' \
                'CancelKeyArchive' \
                'CancelKeyDeletion' \
                'CreateKey' \
                'CreateWhiteBoxKey' \
                'Decrypt' \
                'DeleteImportedKeyMaterial' \
                'DeleteWhiteBoxKey' \
                'DescribeDataKey' \
                'DescribeDataKeys' \
                'DescribeKey' \
                'DescribeKeys' \
                'DescribeWhiteBoxDecryptKey' \
                'DescribeWhiteBoxDeviceFingerprints' \
                'DescribeWhiteBoxKey' \
                'DescribeWhiteBoxKeyDetails' \
                'DescribeWhiteBoxServiceStatus' \
                'DisableDataKey' \
                'DisableDataKeys' \
                'DisableKey' \
                'DisableKeyRotation' \
                'DisableKeys' \
                'DisableWhiteBoxKey' \
                'DisableWhiteBoxKeys' \
                'EnableDataKey' \
                'EnableDataKeys' \
                'EnableKey' \
                'EnableKeyRotation' \
                'EnableKeys' \
                'EnableWhiteBoxKey' \
                'EnableWhiteBoxKeys' \
                'Encrypt' \
                'EncryptByWhiteBox' \
                'GenerateDataKey' \
                'GenerateRandom' \
                'GetDataKeyCiphertextBlob' \
                'GetDataKeyPlaintext' \
                'GetKeyRotationStatus' \
                'GetParametersForImport' \
                'GetPublicKey' \
                'GetRegions' \
                'GetServiceStatus' \
                'ImportDataKey' \
                'ImportKeyMaterial' \
                'ListAlgorithms' \
                'ListDataKeyDetail' \
                'ListDataKeys' \
                'ListKeyDetail' \
                'ListKeys' \
                'OverwriteWhiteBoxDeviceFingerprints' \
                'PostQuantumCryptoDecrypt' \
                'PostQuantumCryptoEncrypt' \
                'PostQuantumCryptoSign' \
                'PostQuantumCryptoVerify' \
                'ReEncrypt' \
                'RotateKey' \
                'ScheduleDataKeyDeletion' \
                'ScheduleKeyDeletion' \
                'SignByAsymmetricKey' \
                'UnbindCloudResource' \
                'UpdateAlias' \
                'UpdateDataKeyDescription' \
                'UpdateDataKeyName' \
                'UpdateKeyDescription' \
                'VerifyByAsymmetricKey'
        case 'kmstool local protect --passphrase-file'
            set source 'file'
        case 'kmstool local protect #0'
            set words 'file' \
                'keyring' \
                'passphrase'
        case 'kmstool local restore #0'
            set source 'file'
        case 'kmstool local seed #0'
            set source 'file'
        case 'kmstool local serve --port-file'
            set source 'file'
        case 'kmstool local serve --socket'
            set source 'file'
        case 'kmstool local serve --tls-cert'
            set source 'file'
        case 'kmstool local serve --tls-key'
            set source 'file'
        case 'kmstool material delete #0'
            set source 'keys'
        case 'kmstool material params --algorithm'
            set words 'RSAES_OAEP_SHA_256' \
                'RSAES_OAEP_SHA_1' \
                'RSAES_PKCS1_V1_5'
        case 'kmstool material params -o'
            set source 'file'
        case 'kmstool material params --out'
            set source 'file'
        case 'kmstool material params #0'
            set source 'keys'
        case 'kmstool material upload --params'
            set source 'file'
        case 'kmstool material upload --check'
            set source 'file'
        case 'kmstool material upload --context-text'
            set source '@file'
        case 'kmstool material upload #0'
            set source 'file'
        case 'kmstool material wrap --params'
            set source 'file'
        case 'kmstool material wrap --input-encoding'
            set words 'raw' \
                'hex' \
                'base64'
        case 'kmstool material wrap --passphrase-file'
            set source 'file'
        case 'kmstool material wrap -o'
            set source 'file'
        case 'kmstool material wrap --out'
            set source 'file'
        case 'kmstool material wrap #0'
            set source 'file'
        case 'kmstool migrate apply --old-profile'
            set source 'profiles'
        case 'kmstool migrate apply #0'
            set source 'file'
        case 'kmstool migrate plan --to'
            set source 'keys'
        case 'kmstool migrate plan -o'
            set source 'file'
        case 'kmstool migrate plan --out'
            set source 'file'
        case 'kmstool migrate plan --old-profile'
            set source 'profiles'
        case 'kmstool migrate plan --old-region'
            set words 'ap-guangzhou' \
                'ap-shanghai' \
                'ap-beijing' \
                'ap-chengdu' \
                'ap-chongqing' \
                'ap-nanjing' \
                'ap-hongkong' \
                'ap-taipei' \
                'ap-singapore' \
                'ap-jakarta' \
                'ap-bangkok' \
                'ap-mumbai' \
                'ap-seoul' \
                'ap-tokyo' \
                'na-ashburn' \
                'na-siliconvalley' \
                'sa-saopaulo' \
                'eu-frankfurt'
        case 'kmstool migrate plan --old-form'
            set words 'file' \
                'any'
        case 'kmstool migrate plan --context-text'
            set source '@file'
        case 'kmstool migrate plan --contexts'
            set source 'file'
        case 'kmstool migrate plan --manifest'
            set source 'file'
        case 'kmstool migrate plan #*'
            set source 'file'
        case 'kmstool migrate rollback #0'
            set source 'file'
        case 'kmstool migrate status --html'
            set source 'file'
        case 'kmstool migrate status --merge'
            set source 'file'
        case 'kmstool migrate status #0'
            set source 'file'
        case 'kmstool profile remove #0'
            set source 'profiles'
        case 'kmstool profile set --credentials'
            set words 'keyring' \
                'file' \
                'whitebox' \
                'environment' \
                'tccli' \
                'ini' \
                'cvm-role' \
                'tke'
        case 'kmstool profile set #0'
            set source 'profiles'
        case 'kmstool profile show #0'
            set source 'profiles'
        case 'kmstool profile use #0'
            set source 'profiles'
        case 'kmstool public-key --encoding'
            set words 'pem' \
                'der' \
                'base64'
        case 'kmstool public-key -o'
            set source 'file'
        case 'kmstool public-key --out'
            set source 'file'
        case 'kmstool public-key #0'
            set source 'keys'
        case 'kmstool random --encoding'
            set words 'hex' \
                'base64' \
                'raw'
        case 'kmstool random -o'
            set source 'file'
        case 'kmstool random --out'
            set source 'file'
        case 'kmstool reencrypt --to'
            set source 'keys'
        case 'kmstool reencrypt --key'
            set source 'keys'
        case 'kmstool reencrypt --context-text'
            set source '@file'
        case 'kmstool reencrypt --to-context-text'
            set source '@file'
        case 'kmstool reencrypt -o'
            set source 'file'
        case 'kmstool reencrypt --out'
            set source 'file'
        case 'kmstool reencrypt #0'
            set source 'file'
        case 'kmstool rotate apply #0'
            set source 'file'
        case 'kmstool rotate finish #0'
            set source 'file'
        case 'kmstool rotate plan --from'
            set source 'keys'
        case 'kmstool rotate plan --to'
            set source 'keys'
        case 'kmstool rotate plan -o'
            set source 'file'
        case 'kmstool rotate plan --out'
            set source 'file'
        case 'kmstool rotate plan --context-text'
            set source '@file'
        case 'kmstool rotate plan --contexts'
            set source 'file'
        case 'kmstool rotate plan --manifest'
            set source 'file'
        case 'kmstool rotate plan #*'
            set source 'file'
        case 'kmstool rotate rollback #0'
            set source 'file'
        case 'kmstool rotate status --html'
            set source 'file'
        case 'kmstool rotate status --merge'
            set source 'file'
        case 'kmstool rotate status #0'
            set source 'file'
        case 'kmstool sign --key'
            set source 'keys'
        case 'kmstool sign --algorithm'
            set words 'SM2DSA' \
                'RSA_PSS_SHA_256' \
                'RSA_PKCS1_SHA_256' \
                'ECC_P256_R1' \
                'ECDSA384_SHA384'
        case 'kmstool sign --digest'
            set words 'auto' \
                'never' \
                'always'
        case 'kmstool sign --message-type'
            set words 'raw' \
                'digest'
        case 'kmstool sign -o'
            set source 'file'
        case 'kmstool sign --out'
            set source 'file'
        case 'kmstool sign #0'
            set source 'file'
        case 'kmstool verify --signature'
            set source 'file'
        case 'kmstool verify --key'
            set source 'keys'
        case 'kmstool verify --public-key'
            set source 'file'
        case 'kmstool verify --algorithm'
            set words 'SM2DSA' \
                'RSA_PSS_SHA_256' \
                'RSA_PKCS1_SHA_256' \
                'ECC_P256_R1' \
                'ECDSA384_SHA384'
        case 'kmstool verify --message-type'
            set words 'raw' \
                'digest'
        case 'kmstool verify --signature-format'
            set words 'auto' \
                'der' \
                'raw'
        case 'kmstool verify #0'
            set source 'file'
        case 'kmstool whitebox bundle --key'
            set source 'white-box-keys'
        case 'kmstool whitebox bundle -o'
            set source 'file'
        case 'kmstool whitebox bundle --out'
            set source 'file'
        case 'kmstool whitebox bundle #0'
            set source 'file'
        case 'kmstool whitebox create --algorithm'
            set words 'AES_256' \
                'SM4'
        case 'kmstool whitebox decrypt --bundle'
            set source 'file'
        case 'kmstool whitebox decrypt --key-file'
            set source 'file'
        case 'kmstool whitebox decrypt --iv'
            set source '@file'
        case 'kmstool whitebox decrypt --input-encoding'
            set words 'base64' \
                'raw'
        case 'kmstool whitebox decrypt --sdk-lib'
            set source 'file'
        case 'kmstool whitebox decrypt --algorithm'
            set words 'AES_256' \
                'SM4'
        case 'kmstool whitebox decrypt -o'
            set source 'file'
        case 'kmstool whitebox decrypt --out'
            set source 'file'
        case 'kmstool whitebox decrypt #0'
            set source 'file'
        case 'kmstool whitebox delete #0'
            set source 'white-box-keys'
        case 'kmstool whitebox disable #*'
            set source 'white-box-keys'
        case 'kmstool whitebox download-key -o'
            set source 'file'
        case 'kmstool whitebox download-key --out'
            set source 'file'
        case 'kmstool whitebox download-key #0'
            set source 'white-box-keys'
        case 'kmstool whitebox enable #*'
            set source 'white-box-keys'
        case 'kmstool whitebox encrypt --key'
            set source 'white-box-keys'
        case 'kmstool whitebox encrypt -o'
            set source 'file'
        case 'kmstool whitebox encrypt --out'
            set source 'file'
        case 'kmstool whitebox encrypt #0'
            set source 'file'
        case 'kmstool whitebox exec --bundle'
            set source 'file'
        case 'kmstool whitebox exec --sdk-lib'
            set source 'file'
        case 'kmstool whitebox exec #*'
            set source 'command'
        case 'kmstool whitebox renew --to'
            set source 'white-box-keys'
        case 'kmstool whitebox renew --key'
            set source 'white-box-keys'
        case 'kmstool whitebox renew --sdk-lib'
            set source 'file'
        case 'kmstool whitebox renew #0'
            set source 'file'
        case 'kmstool whitebox show #0'
            set source 'white-box-keys'
        case '* --profile'
            set source 'profiles'
        case '* --region'
            set words 'ap-guangzhou' \
                'ap-shanghai' \
                'ap-beijing' \
                'ap-chengdu' \
                'ap-chongqing' \
                'ap-nanjing' \
                'ap-hongkong' \
                'ap-taipei' \
                'ap-singapore' \
                'ap-jakarta' \
                'ap-bangkok' \
                'ap-mumbai' \
                'ap-seoul' \
                'ap-tokyo' \
                'na-ashburn' \
                'na-siliconvalley' \
                'sa-saopaulo' \
                'eu-frankfurt'
        case '* --transport'
            set words 'own' \
                'sdk'
        case '* --format'
            set words 'text' \
                'json'
    end
end

function __kmstool_walk --no-scope-shadowing
    for word in $before_cursor
        if test $pending -gt 0
            set pending (math $pending - 1)
        else if test -z "$ended" -a "x$word" = x--
            set ended yes
        else if test -z "$ended"; and string match -q -- '-?*' $word
            set place $word
            for option in $valued
                test "x$option" = "x$word"; and set pending (math $pending + 1)
            end
        else if set -q commands[1]
            set path "$path $word"
            set ended
            __kmstool_command
        else
            set position (math $position + 1)
            set -a rest $word
        end
    end
end

# Names that kmstool found out some time ago; when they are old, it looks again in the background. What lies there is
# only data: it counts if this user owns it.
function __kmstool_names --no-scope-shadowing
    set -l profile $KMSTOOL_PROFILE
    set -l region $KMSTOOL_REGION
    set -l option
    for word in (commandline -opc)
        switch $word
            case '--profile=*'
                set profile (string replace -- --profile= '' $word)
            case '--region=*'
                set region (string replace -- --region= '' $word)
            case '*'
                test "x$option" = x--profile; and set profile $word
                test "x$option" = x--region; and set region $word
        end
        set option $word
    end
    string match -qr '[^A-Za-z0-9._-]' -- "$profile$region"; and return
    set -l folder $HOME/.cache/kmstool
    string match -q '/*' -- "$XDG_CACHE_HOME"; and set folder $XDG_CACHE_HOME/kmstool
    test -n "$KMSTOOL_HOME"; and set folder $KMSTOOL_HOME/cache
    test -n "$profile"; or set profile _
    test -n "$region"; or set region _
    set folder $folder/completion/$profile@$region
    set -l stamp 0
    if test -O $folder -a -f $folder/$source -a -O $folder/$source -a ! -L $folder/$source
        set words (string match -r -- '^'(string escape --style=regex -- $current)'.*' <$folder/$source)
        read stamp <$folder/stamp 2>/dev/null
    end
    string match -qr '^[0-9]{1,12}$' -- $stamp; or set stamp 0
    set -l now (date +%s)
    set -q __kmstool_asked; or set -g __kmstool_asked 0
    command -q kmstool; or return
    if test (math $now - $stamp) -gt 30 -a (math $now - $__kmstool_asked) -gt 30
        set -g __kmstool_asked $now
        set -l chosen
        test $profile != _; and set -a chosen --profile $profile
        test $region != _; and set -a chosen --region $region
        command kmstool completion --refresh $chosen </dev/null &>/dev/null &
        disown 2>/dev/null
    end
end

# Sets `words` or `source` for the word at the cursor, and `before`, which is the same for all candidates.
function __kmstool_find --no-scope-shadowing
    set before_cursor (commandline -opc)
    set -e before_cursor[1]
    set current (commandline -ct)
    __kmstool_command
    __kmstool_walk
    if test $pending -gt 0
        __kmstool_place
    else if test -z "$ended"; and string match -q -- '--*=*' $current
        set place (string split -m 1 = -- $current)[1]
        set before $place=
        set current (string split -m 1 = -- $current)[2]
        __kmstool_place
    else if test -z "$ended"; and string match -q -- '-*' $current
        set words $options
    else if set -q commands[1]
        set words $commands
    else
        set place "#$position"
        __kmstool_place
    end
end

function __kmstool_complete
    set -l path kmstool
    set -l position 0
    set -l pending 0
    set -l before_cursor
    set -l current
    set -l before
    set -l commands
    set -l options
    set -l valued
    set -l words
    set -l ended
    set -l place
    set -l source
    set -l rest
    __kmstool_find
    if test "$argv" = file
        test "$source" = file
        return
    end
    switch "$source"
        case @file
            set -l prefix (string match -r -- '^(?:\w+=)?@' $current)
            if set -q prefix[1]
                set words (complete -C "'' "(string replace -- $prefix '' $current))
                set before "$before$prefix"
            end
        case command
            set words (complete -C (string join ' ' -- (string escape -- $rest) (string escape -- $current)))
        case '*keys' profiles
            __kmstool_names
    end
    set -q words[1]; and printf '%s\n' "$before"$words
end

complete -c kmstool -f -a '(__kmstool_complete)'
# Fish itself knows best about quotes, ~ and folders, also behind --option=.
complete -c kmstool -n '__kmstool_complete file' -F

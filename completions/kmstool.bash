# Completion of kmstool for bash.

_kmstool_command() {
  commands=() options=() valued=()
  case $1 in
    kmstool)
      commands=(api asymmetric auth batch completion data-key decrypt digest doctor encrypt envelope exec fingerprint help import-material init key local material migrate profile public-key random reencrypt rotate shell sign verify version whitebox)
      options=(-V --version -h --help)
      ;;
    'kmstool api')
      options=(--params -h --help)
      valued=(--params)
      ;;
    'kmstool asymmetric')
      commands=(decrypt encrypt)
      options=(-h --help)
      ;;
    'kmstool asymmetric decrypt')
      options=(--key --algorithm --ciphertext-format -o --out --force -h --help)
      valued=(--key --algorithm --ciphertext-format -o --out)
      ;;
    'kmstool asymmetric encrypt')
      options=(--key --public-key --algorithm --raw --trim-newline -o --out --force -h --help)
      valued=(--key --public-key --algorithm -o --out)
      ;;
    'kmstool auth')
      commands=(import-tccli login logout status)
      options=(-h --help)
      ;;
    'kmstool auth import-tccli')
      options=(--from --store --passphrase-file --weak --no-verify -h --help)
      valued=(--from --store --passphrase-file)
      ;;
    'kmstool auth login')
      options=(--secret-id --store --passphrase-file --weak --whitebox --no-verify -h --help)
      valued=(--secret-id --store --passphrase-file --whitebox)
      ;;
    'kmstool auth logout')
      options=(-h --help)
      ;;
    'kmstool auth status')
      options=(--offline -h --help)
      ;;
    'kmstool batch')
      commands=(decrypt encrypt reencrypt)
      options=(-h --help)
      ;;
    'kmstool batch decrypt')
      options=(--key --in-flight --rate --dask -h --help)
      valued=(--key --in-flight --rate --dask)
      ;;
    'kmstool batch encrypt')
      options=(--key --in-flight --rate --dask -h --help)
      valued=(--key --in-flight --rate --dask)
      ;;
    'kmstool batch reencrypt')
      options=(--to --key --in-flight --rate --dask -h --help)
      valued=(--to --key --in-flight --rate --dask)
      ;;
    'kmstool completion')
      options=(--install -h --help)
      ;;
    'kmstool data-key')
      commands=(blob cancel-deletion disable enable generate import list plaintext rename schedule-deletion set-description show)
      options=(-h --help)
      ;;
    'kmstool data-key blob')
      options=(-o --out --force -h --help)
      valued=(-o --out)
      ;;
    'kmstool data-key cancel-deletion')
      options=(-h --help)
      ;;
    'kmstool data-key disable')
      options=(-h --help)
      ;;
    'kmstool data-key enable')
      options=(-h --help)
      ;;
    'kmstool data-key generate')
      options=(--key --name --bytes --context --context-text --description --tag --shield-dek -o --out --force -h --help)
      valued=(--key --name --bytes --context --context-text --description --tag -o --out)
      ;;
    'kmstool data-key import')
      options=(--key --name --blob --trim-newline --description --tag -h --help)
      valued=(--key --name --blob --description --tag)
      ;;
    'kmstool data-key list')
      options=(--state --key --search --origin --bytes --tag -h --help)
      valued=(--state --key --search --origin --bytes --tag)
      ;;
    'kmstool data-key plaintext')
      options=(--shield-dek -o --out --force -h --help)
      valued=(-o --out)
      ;;
    'kmstool data-key rename')
      options=(-h --help)
      ;;
    'kmstool data-key schedule-deletion')
      options=(--days -h --help)
      valued=(--days)
      ;;
    'kmstool data-key set-description')
      options=(-h --help)
      ;;
    'kmstool data-key show')
      options=(-h --help)
      ;;
    'kmstool decrypt')
      options=(--context --context-text --shield-dek -o --out --force -h --help)
      valued=(--context --context-text -o --out)
      ;;
    'kmstool digest')
      options=(--algorithm --public-key --id --raw -o --out --force -h --help)
      valued=(--algorithm --public-key --id -o --out)
      ;;
    'kmstool doctor')
      options=(-h --help)
      ;;
    'kmstool encrypt')
      options=(--key --context --context-text --trim-newline -o --out --force -h --help)
      valued=(--key --context --context-text -o --out)
      ;;
    'kmstool envelope')
      commands=(decrypt encrypt import-legacy inspect rewrap verify)
      options=(-h --help)
      ;;
    'kmstool envelope decrypt')
      options=(--key --identity --context --context-text --shield-dek --detached --range --verify-first -r --recursive --ignore-path --no-manifest --shard --dask -o --out --force -h --help)
      valued=(--key --identity --context --context-text --detached --range --shard --dask -o --out)
      ;;
    'kmstool envelope encrypt')
      options=(--key --public-key --data-key --context --context-text --shield-dek --aad --suite -a --armor --detached --reserve -r --recursive --dek-per-file --no-manifest --shard --dask -o --out --force -h --help)
      valued=(--key --public-key --data-key --context --context-text --aad --suite --detached --shard --dask -o --out)
      ;;
    'kmstool envelope import-legacy')
      options=(--scheme --blob --algorithm --input-encoding --trailing-zeros --key --to-plaintext --check -o --out --force -h --help)
      valued=(--scheme --blob --algorithm --input-encoding --trailing-zeros --key -o --out)
      ;;
    'kmstool envelope inspect')
      options=(--detached -h --help)
      valued=(--detached)
      ;;
    'kmstool envelope rewrap')
      options=(--to --from --identity --server-side --payload -r --recursive --shard --dask -h --help)
      valued=(--to --from --identity --payload --shard --dask)
      ;;
    'kmstool envelope verify')
      options=(--key --identity --context --context-text --shield-dek --detached -r --recursive --ignore-path --no-manifest --shard --dask -h --help)
      valued=(--key --identity --context --context-text --detached --shard --dask)
      ;;
    'kmstool exec')
      options=(--env --context --context-text --shield-dek --trim-newline --keep -h --help)
      valued=(--env --context --context-text --keep)
      ;;
    'kmstool fingerprint')
      commands=(bind import list show template unbind)
      options=(-h --help)
      ;;
    'kmstool fingerprint bind')
      options=(--description -h --help)
      valued=(--description)
      ;;
    'kmstool fingerprint import')
      options=(--replace -h --help)
      ;;
    'kmstool fingerprint list')
      options=(-h --help)
      ;;
    'kmstool fingerprint show')
      options=(-h --help)
      ;;
    'kmstool fingerprint template')
      options=(--key -h --help)
      valued=(--key)
      ;;
    'kmstool fingerprint unbind')
      options=(-h --help)
      ;;
    'kmstool help')
      options=(-h --help)
      ;;
    'kmstool import-material')
      options=(--algorithm --valid-to --generate --backup --encrypt-backup --passphrase-file --weak --input-encoding --trim-newline --check --context --context-text -h --help)
      valued=(--algorithm --valid-to --backup --passphrase-file --input-encoding --check --context --context-text)
      ;;
    'kmstool init')
      options=(--local --secret-id --store --passphrase-file --weak --whitebox --no-verify -h --help)
      valued=(--secret-id --store --passphrase-file --whitebox)
      ;;
    'kmstool key')
      commands=(archive bind cancel-deletion create disable enable list rename replace rotate rotation schedule-deletion set-description show tag unarchive unbind usages)
      options=(-h --help)
      ;;
    'kmstool key archive')
      options=(-h --help)
      ;;
    'kmstool key bind')
      options=(--product --resource -h --help)
      valued=(--product --resource)
      ;;
    'kmstool key cancel-deletion')
      options=(-h --help)
      ;;
    'kmstool key create')
      options=(--alias --usage --external --description --tag -h --help)
      valued=(--alias --usage --description --tag)
      ;;
    'kmstool key disable')
      options=(-h --help)
      ;;
    'kmstool key enable')
      options=(-h --help)
      ;;
    'kmstool key list')
      options=(--state --usage --search --origin --owner --tag --watch -h --help)
      valued=(--state --usage --search --origin --owner --tag)
      ;;
    'kmstool key rename')
      options=(-h --help)
      ;;
    'kmstool key replace')
      options=(--tag --no-tags -h --help)
      valued=(--tag)
      ;;
    'kmstool key rotate')
      options=(-h --help)
      ;;
    'kmstool key rotation')
      options=(--days -h --help)
      valued=(--days)
      ;;
    'kmstool key schedule-deletion')
      options=(--days -h --help)
      valued=(--days)
      ;;
    'kmstool key set-description')
      options=(-h --help)
      ;;
    'kmstool key show')
      options=(-h --help)
      ;;
    'kmstool key tag')
      options=(--remove -h --help)
      valued=(--remove)
      ;;
    'kmstool key unarchive')
      options=(-h --help)
      ;;
    'kmstool key unbind')
      options=(--product --resource -h --help)
      valued=(--product --resource)
      ;;
    'kmstool key usages')
      options=(-h --help)
      ;;
    'kmstool local')
      commands=(assume backup clock credentials env export faults protect reset restore seed serve status)
      options=(-h --help)
      ;;
    'kmstool local assume')
      options=(-h --help)
      ;;
    'kmstool local backup')
      options=(--force -h --help)
      ;;
    'kmstool local clock')
      options=(-h --help)
      ;;
    'kmstool local credentials')
      commands=(create delete list token)
      options=(-h --help)
      ;;
    'kmstool local credentials create')
      options=(--lifetime -h --help)
      valued=(--lifetime)
      ;;
    'kmstool local credentials delete')
      options=(-h --help)
      ;;
    'kmstool local credentials list')
      options=(-h --help)
      ;;
    'kmstool local credentials token')
      options=(--lifetime -h --help)
      valued=(--lifetime)
      ;;
    'kmstool local env')
      options=(-h --help)
      ;;
    'kmstool local export')
      options=(--plaintext -o --out --force -h --help)
      valued=(-o --out)
      ;;
    'kmstool local faults')
      commands=(add clear list)
      options=(-h --help)
      ;;
    'kmstool local faults add')
      options=(--action --nth --probability --after --code --delay --drop --truncate --content-type --http-status -h --help)
      valued=(--action --nth --probability --code --delay --content-type --http-status)
      ;;
    'kmstool local faults clear')
      options=(-h --help)
      ;;
    'kmstool local faults list')
      options=(-h --help)
      ;;
    'kmstool local protect')
      options=(--passphrase-file --weak -h --help)
      valued=(--passphrase-file)
      ;;
    'kmstool local reset')
      options=(-h --help)
      ;;
    'kmstool local restore')
      options=(-h --help)
      ;;
    'kmstool local seed')
      options=(-h --help)
      ;;
    'kmstool local serve')
      options=(--host --port --port-file --socket --tls --tls-cert --tls-key --quota --lenient --assume --metadata --web-identity -h --help)
      valued=(--host --port --port-file --socket --tls-cert --tls-key --quota --assume)
      ;;
    'kmstool local status')
      options=(-h --help)
      ;;
    'kmstool material')
      commands=(delete params upload wrap)
      options=(-h --help)
      ;;
    'kmstool material delete')
      options=(-h --help)
      ;;
    'kmstool material params')
      options=(--algorithm -o --out --force -h --help)
      valued=(--algorithm -o --out)
      ;;
    'kmstool material upload')
      options=(--params --valid-to --check --context --context-text -h --help)
      valued=(--params --valid-to --check --context --context-text)
      ;;
    'kmstool material wrap')
      options=(--params --input-encoding --trim-newline --passphrase-file --raw -o --out --force -h --help)
      valued=(--params --input-encoding --passphrase-file -o --out)
      ;;
    'kmstool migrate')
      commands=(apply plan rollback status)
      options=(-h --help)
      ;;
    'kmstool migrate apply')
      options=(--rate --workers --shard --verify --old-profile --dask -h --help)
      valued=(--rate --workers --shard --verify --old-profile --dask)
      ;;
    'kmstool migrate plan')
      options=(--to -o --out --force --old-profile --old-region --old-form --base64 --context --context-text --contexts --manifest --include --exclude --hard-links -h --help)
      valued=(--to -o --out --old-profile --old-region --old-form --context --context-text --contexts --manifest --include --exclude)
      ;;
    'kmstool migrate rollback')
      options=(-h --help)
      ;;
    'kmstool migrate status')
      options=(--html --watch --merge -h --help)
      valued=(--html --merge)
      ;;
    'kmstool profile')
      commands=(list remove set show use)
      options=(-h --help)
      ;;
    'kmstool profile list')
      options=(-h --help)
      ;;
    'kmstool profile remove')
      options=(-h --help)
      ;;
    'kmstool profile set')
      options=(--key --credentials --role-arn --role-session --sts-endpoint -h --help)
      valued=(--key --credentials --role-arn --role-session --sts-endpoint)
      ;;
    'kmstool profile show')
      options=(-h --help)
      ;;
    'kmstool profile use')
      options=(-h --help)
      ;;
    'kmstool public-key')
      options=(--encoding -o --out --force -h --help)
      valued=(--encoding -o --out)
      ;;
    'kmstool random')
      options=(--encoding -o --out --force -h --help)
      valued=(--encoding -o --out)
      ;;
    'kmstool reencrypt')
      options=(--to --key --context --context-text --to-context --to-context-text -o --out --force -h --help)
      valued=(--to --key --context --context-text --to-context --to-context-text -o --out)
      ;;
    'kmstool rotate')
      commands=(apply finish plan rollback status)
      options=(-h --help)
      ;;
    'kmstool rotate apply')
      options=(--rate --workers --shard --verify --dask -h --help)
      valued=(--rate --workers --shard --verify --dask)
      ;;
    'kmstool rotate finish')
      options=(-h --help)
      ;;
    'kmstool rotate plan')
      options=(--from --to -o --out --force --base64 --context --context-text --contexts --manifest --include --exclude --asymmetric --hard-links --no-probe -h --help)
      valued=(--from --to -o --out --context --context-text --contexts --manifest --include --exclude --asymmetric)
      ;;
    'kmstool rotate rollback')
      options=(-h --help)
      ;;
    'kmstool rotate status')
      options=(--html --watch --merge -h --help)
      valued=(--html --merge)
      ;;
    'kmstool shell')
      options=(-h --help)
      ;;
    'kmstool sign')
      options=(--key --algorithm --digest --message-type --id --raw -o --out --force -h --help)
      valued=(--key --algorithm --digest --message-type --id -o --out)
      ;;
    'kmstool verify')
      options=(--signature --key --local --public-key --algorithm --message-type --id --signature-format -h --help)
      valued=(--signature --key --public-key --algorithm --message-type --id --signature-format)
      ;;
    'kmstool version')
      options=(-h --help)
      ;;
    'kmstool whitebox')
      commands=(bundle create decrypt delete disable download-key enable encrypt exec list renew show)
      options=(-h --help)
      ;;
    'kmstool whitebox bundle')
      options=(--key --trim-newline -o --out --force -h --help)
      valued=(--key -o --out)
      ;;
    'kmstool whitebox create')
      options=(--alias --algorithm --description --tag -h --help)
      valued=(--alias --algorithm --description --tag)
      ;;
    'kmstool whitebox decrypt')
      options=(--bundle --key-file --iv --input-encoding --require-mac --sdk-lib --algorithm -o --out --force -h --help)
      valued=(--bundle --key-file --iv --input-encoding --sdk-lib --algorithm -o --out)
      ;;
    'kmstool whitebox delete')
      options=(-h --help)
      ;;
    'kmstool whitebox disable')
      options=(-h --help)
      ;;
    'kmstool whitebox download-key')
      options=(-o --out --force -h --help)
      valued=(-o --out)
      ;;
    'kmstool whitebox enable')
      options=(-h --help)
      ;;
    'kmstool whitebox encrypt')
      options=(--key --iv --trim-newline -o --out --force -h --help)
      valued=(--key --iv -o --out)
      ;;
    'kmstool whitebox exec')
      options=(--bundle --env --require-mac --sdk-lib --trim-newline --keep -h --help)
      valued=(--bundle --env --sdk-lib --keep)
      ;;
    'kmstool whitebox list')
      options=(-h --help)
      ;;
    'kmstool whitebox renew')
      options=(--to --key --no-bind --require-mac --sdk-lib -h --help)
      valued=(--to --key --sdk-lib)
      ;;
    'kmstool whitebox show')
      options=(-h --help)
      ;;
    *) return ;;
  esac
  options+=(--profile --region --endpoint --transport --timeout --retries --max-wait --format --query --yes --dry-run --no-input --quiet --verbose --debug --no-color --no-pager)
  valued+=(--profile --region --endpoint --transport --timeout --retries --max-wait --format --query)
}

_kmstool_place() {
  case $1 in
    'kmstool api --params') source='@file' ;;
    'kmstool api #0') words=(ArchiveKey AsymmetricRsaDecrypt AsymmetricSm2Decrypt BindCloudResource CancelDataKeyDeletion CancelKeyArchive CancelKeyDeletion CreateKey CreateWhiteBoxKey Decrypt DeleteImportedKeyMaterial DeleteWhiteBoxKey DescribeDataKey DescribeDataKeys DescribeKey DescribeKeys DescribeWhiteBoxDecryptKey DescribeWhiteBoxDeviceFingerprints DescribeWhiteBoxKey DescribeWhiteBoxKeyDetails DescribeWhiteBoxServiceStatus DisableDataKey DisableDataKeys DisableKey DisableKeyRotation DisableKeys DisableWhiteBoxKey DisableWhiteBoxKeys EnableDataKey EnableDataKeys EnableKey EnableKeyRotation EnableKeys EnableWhiteBoxKey EnableWhiteBoxKeys Encrypt EncryptByWhiteBox GenerateDataKey GenerateRandom GetDataKeyCiphertextBlob GetDataKeyPlaintext GetKeyRotationStatus GetParametersForImport GetPublicKey GetRegions GetServiceStatus ImportDataKey ImportKeyMaterial ListAlgorithms ListDataKeyDetail ListDataKeys ListKeyDetail ListKeys OverwriteWhiteBoxDeviceFingerprints PostQuantumCryptoDecrypt PostQuantumCryptoEncrypt PostQuantumCryptoSign PostQuantumCryptoVerify ReEncrypt RotateKey ScheduleDataKeyDeletion ScheduleKeyDeletion SignByAsymmetricKey UnbindCloudResource UpdateAlias UpdateDataKeyDescription UpdateDataKeyName UpdateKeyDescription VerifyByAsymmetricKey) ;;
    'kmstool asymmetric decrypt --key') source='keys' ;;
    'kmstool asymmetric decrypt --algorithm') words=(RSAES_OAEP_SHA_256 RSAES_OAEP_SHA_1 RSAES_PKCS1_V1_5) ;;
    'kmstool asymmetric decrypt --ciphertext-format') words=(auto der c1c3c2 c1c2c3) ;;
    'kmstool asymmetric decrypt -o') source='file' ;;
    'kmstool asymmetric decrypt --out') source='file' ;;
    'kmstool asymmetric decrypt #0') source='file' ;;
    'kmstool asymmetric encrypt --key') source='keys' ;;
    'kmstool asymmetric encrypt --public-key') source='file' ;;
    'kmstool asymmetric encrypt --algorithm') words=(RSAES_OAEP_SHA_256 RSAES_OAEP_SHA_1 RSAES_PKCS1_V1_5) ;;
    'kmstool asymmetric encrypt -o') source='file' ;;
    'kmstool asymmetric encrypt --out') source='file' ;;
    'kmstool asymmetric encrypt #0') source='file' ;;
    'kmstool auth import-tccli --store') words=(keyring file) ;;
    'kmstool auth import-tccli --passphrase-file') source='file' ;;
    'kmstool auth login --store') words=(keyring file) ;;
    'kmstool auth login --passphrase-file') source='file' ;;
    'kmstool auth login --whitebox') source='file' ;;
    'kmstool batch decrypt --key') source='keys' ;;
    'kmstool batch decrypt #0') source='file' ;;
    'kmstool batch encrypt --key') source='keys' ;;
    'kmstool batch encrypt #0') source='file' ;;
    'kmstool batch reencrypt --to') source='keys' ;;
    'kmstool batch reencrypt --key') source='keys' ;;
    'kmstool batch reencrypt #0') source='file' ;;
    'kmstool completion #0') words=(bash zsh fish) ;;
    'kmstool data-key blob -o') source='file' ;;
    'kmstool data-key blob --out') source='file' ;;
    'kmstool data-key blob #0') source='data-keys' ;;
    'kmstool data-key cancel-deletion #'*) source='data-keys' ;;
    'kmstool data-key disable #'*) source='data-keys' ;;
    'kmstool data-key enable #'*) source='data-keys' ;;
    'kmstool data-key generate --key') source='keys' ;;
    'kmstool data-key generate --context-text') source='@file' ;;
    'kmstool data-key generate -o') source='file' ;;
    'kmstool data-key generate --out') source='file' ;;
    'kmstool data-key import --key') source='keys' ;;
    'kmstool data-key import --blob') source='file' ;;
    'kmstool data-key import #0') source='file' ;;
    'kmstool data-key list --state') words=(enabled disabled pending-delete) ;;
    'kmstool data-key list --key') source='keys' ;;
    'kmstool data-key list --origin') words=(kms external) ;;
    'kmstool data-key plaintext -o') source='file' ;;
    'kmstool data-key plaintext --out') source='file' ;;
    'kmstool data-key plaintext #0') source='data-keys' ;;
    'kmstool data-key rename #0') source='data-keys' ;;
    'kmstool data-key schedule-deletion #'*) source='data-keys' ;;
    'kmstool data-key set-description #0') source='data-keys' ;;
    'kmstool data-key show #0') source='data-keys' ;;
    'kmstool decrypt --context-text') source='@file' ;;
    'kmstool decrypt -o') source='file' ;;
    'kmstool decrypt --out') source='file' ;;
    'kmstool decrypt #0') source='file' ;;
    'kmstool digest --algorithm') words=(sha256 sha384 sm3 sm2) ;;
    'kmstool digest --public-key') source='file' ;;
    'kmstool digest -o') source='file' ;;
    'kmstool digest --out') source='file' ;;
    'kmstool digest #0') source='file' ;;
    'kmstool encrypt --key') source='keys' ;;
    'kmstool encrypt --context-text') source='@file' ;;
    'kmstool encrypt -o') source='file' ;;
    'kmstool encrypt --out') source='file' ;;
    'kmstool encrypt #0') source='file' ;;
    'kmstool envelope decrypt --key') source='keys' ;;
    'kmstool envelope decrypt --identity') source='file' ;;
    'kmstool envelope decrypt --context-text') source='@file' ;;
    'kmstool envelope decrypt --detached') source='file' ;;
    'kmstool envelope decrypt -o') source='file' ;;
    'kmstool envelope decrypt --out') source='file' ;;
    'kmstool envelope decrypt #0') source='file' ;;
    'kmstool envelope encrypt --key') source='keys' ;;
    'kmstool envelope encrypt --public-key') source='file' ;;
    'kmstool envelope encrypt --data-key') source='data-keys' ;;
    'kmstool envelope encrypt --context-text') source='@file' ;;
    'kmstool envelope encrypt --suite') words=(aes-256-gcm sm4-gcm) ;;
    'kmstool envelope encrypt --detached') source='file' ;;
    'kmstool envelope encrypt -o') source='file' ;;
    'kmstool envelope encrypt --out') source='file' ;;
    'kmstool envelope encrypt #0') source='file' ;;
    'kmstool envelope import-legacy --scheme') words=(tencent-sample-ecb) ;;
    'kmstool envelope import-legacy --blob') source='file' ;;
    'kmstool envelope import-legacy --algorithm') words=(aes sm4) ;;
    'kmstool envelope import-legacy --input-encoding') words=(base64 raw) ;;
    'kmstool envelope import-legacy --trailing-zeros') words=(keep strip-block refuse) ;;
    'kmstool envelope import-legacy --key') source='keys' ;;
    'kmstool envelope import-legacy -o') source='file' ;;
    'kmstool envelope import-legacy --out') source='file' ;;
    'kmstool envelope import-legacy #0') source='file' ;;
    'kmstool envelope inspect --detached') source='file' ;;
    'kmstool envelope inspect #0') source='file' ;;
    'kmstool envelope rewrap --to') source='keys' ;;
    'kmstool envelope rewrap --from') source='keys' ;;
    'kmstool envelope rewrap --identity') source='file' ;;
    'kmstool envelope rewrap --payload') source='file' ;;
    'kmstool envelope rewrap #'*) source='file' ;;
    'kmstool envelope verify --key') source='keys' ;;
    'kmstool envelope verify --identity') source='file' ;;
    'kmstool envelope verify --context-text') source='@file' ;;
    'kmstool envelope verify --detached') source='file' ;;
    'kmstool envelope verify #0') source='file' ;;
    'kmstool exec --env') source='@file' ;;
    'kmstool exec --context-text') source='@file' ;;
    'kmstool exec #'*) source='command' ;;
    'kmstool fingerprint bind #0') source='white-box-keys' ;;
    'kmstool fingerprint import #0') source='white-box-keys' ;;
    'kmstool fingerprint import #1') source='file' ;;
    'kmstool fingerprint list #0') source='white-box-keys' ;;
    'kmstool fingerprint template --key') source='white-box-keys' ;;
    'kmstool fingerprint unbind #0') source='white-box-keys' ;;
    'kmstool import-material --algorithm') words=(RSAES_OAEP_SHA_256 RSAES_OAEP_SHA_1 RSAES_PKCS1_V1_5) ;;
    'kmstool import-material --backup') source='file' ;;
    'kmstool import-material --passphrase-file') source='file' ;;
    'kmstool import-material --input-encoding') words=(raw hex base64) ;;
    'kmstool import-material --check') source='file' ;;
    'kmstool import-material --context-text') source='@file' ;;
    'kmstool import-material #0') source='keys' ;;
    'kmstool import-material #1') source='file' ;;
    'kmstool init --store') words=(keyring file) ;;
    'kmstool init --passphrase-file') source='file' ;;
    'kmstool init --whitebox') source='file' ;;
    'kmstool key archive #0') source='keys' ;;
    'kmstool key bind #0') source='keys' ;;
    'kmstool key cancel-deletion #'*) source='keys' ;;
    'kmstool key create --usage') words=(symmetric rsa-2048 sm2 sign-sm2 sign-rsa-2048 sign-rsa-3072 sign-ecc sign-ecc-p384 kyber dilithium) ;;
    'kmstool key disable #'*) source='keys' ;;
    'kmstool key enable #'*) source='keys' ;;
    'kmstool key list --state') words=(enabled disabled pending-delete pending-import archived) ;;
    'kmstool key list --usage') words=(symmetric rsa-2048 sm2 sign-sm2 sign-rsa-2048 sign-rsa-3072 sign-ecc sign-ecc-p384 kyber dilithium) ;;
    'kmstool key list --origin') words=(kms external) ;;
    'kmstool key list --owner') words=(user product) ;;
    'kmstool key rename #0') source='keys' ;;
    'kmstool key replace #0') source='keys' ;;
    'kmstool key rotate #0') source='keys' ;;
    'kmstool key rotation #0') words=(on off status) ;;
    'kmstool key rotation #1') source='keys' ;;
    'kmstool key schedule-deletion #'*) source='keys' ;;
    'kmstool key set-description #0') source='keys' ;;
    'kmstool key show #0') source='keys' ;;
    'kmstool key tag #0') source='keys' ;;
    'kmstool key unarchive #0') source='keys' ;;
    'kmstool key unbind #0') source='keys' ;;
    'kmstool local backup #0') source='file' ;;
    'kmstool local clock #0') words=(show advance set reset) ;;
    'kmstool local export -o') source='file' ;;
    'kmstool local export --out') source='file' ;;
    'kmstool local faults add --action') words=(ArchiveKey AsymmetricRsaDecrypt AsymmetricSm2Decrypt BindCloudResource CancelDataKeyDeletion CancelKeyArchive CancelKeyDeletion CreateKey CreateWhiteBoxKey Decrypt DeleteImportedKeyMaterial DeleteWhiteBoxKey DescribeDataKey DescribeDataKeys DescribeKey DescribeKeys DescribeWhiteBoxDecryptKey DescribeWhiteBoxDeviceFingerprints DescribeWhiteBoxKey DescribeWhiteBoxKeyDetails DescribeWhiteBoxServiceStatus DisableDataKey DisableDataKeys DisableKey DisableKeyRotation DisableKeys DisableWhiteBoxKey DisableWhiteBoxKeys EnableDataKey EnableDataKeys EnableKey EnableKeyRotation EnableKeys EnableWhiteBoxKey EnableWhiteBoxKeys Encrypt EncryptByWhiteBox GenerateDataKey GenerateRandom GetDataKeyCiphertextBlob GetDataKeyPlaintext GetKeyRotationStatus GetParametersForImport GetPublicKey GetRegions GetServiceStatus ImportDataKey ImportKeyMaterial ListAlgorithms ListDataKeyDetail ListDataKeys ListKeyDetail ListKeys OverwriteWhiteBoxDeviceFingerprints PostQuantumCryptoDecrypt PostQuantumCryptoEncrypt PostQuantumCryptoSign PostQuantumCryptoVerify ReEncrypt RotateKey ScheduleDataKeyDeletion ScheduleKeyDeletion SignByAsymmetricKey UnbindCloudResource UpdateAlias UpdateDataKeyDescription UpdateDataKeyName UpdateKeyDescription VerifyByAsymmetricKey) ;;
    'kmstool local protect --passphrase-file') source='file' ;;
    'kmstool local protect #0') words=(file keyring passphrase) ;;
    'kmstool local restore #0') source='file' ;;
    'kmstool local seed #0') source='file' ;;
    'kmstool local serve --port-file') source='file' ;;
    'kmstool local serve --socket') source='file' ;;
    'kmstool local serve --tls-cert') source='file' ;;
    'kmstool local serve --tls-key') source='file' ;;
    'kmstool material delete #0') source='keys' ;;
    'kmstool material params --algorithm') words=(RSAES_OAEP_SHA_256 RSAES_OAEP_SHA_1 RSAES_PKCS1_V1_5) ;;
    'kmstool material params -o') source='file' ;;
    'kmstool material params --out') source='file' ;;
    'kmstool material params #0') source='keys' ;;
    'kmstool material upload --params') source='file' ;;
    'kmstool material upload --check') source='file' ;;
    'kmstool material upload --context-text') source='@file' ;;
    'kmstool material upload #0') source='file' ;;
    'kmstool material wrap --params') source='file' ;;
    'kmstool material wrap --input-encoding') words=(raw hex base64) ;;
    'kmstool material wrap --passphrase-file') source='file' ;;
    'kmstool material wrap -o') source='file' ;;
    'kmstool material wrap --out') source='file' ;;
    'kmstool material wrap #0') source='file' ;;
    'kmstool migrate apply --old-profile') source='profiles' ;;
    'kmstool migrate apply #0') source='file' ;;
    'kmstool migrate plan --to') source='keys' ;;
    'kmstool migrate plan -o') source='file' ;;
    'kmstool migrate plan --out') source='file' ;;
    'kmstool migrate plan --old-profile') source='profiles' ;;
    'kmstool migrate plan --old-region') words=(ap-guangzhou ap-shanghai ap-beijing ap-chengdu ap-chongqing ap-nanjing ap-hongkong ap-taipei ap-singapore ap-jakarta ap-bangkok ap-mumbai ap-seoul ap-tokyo na-ashburn na-siliconvalley sa-saopaulo eu-frankfurt) ;;
    'kmstool migrate plan --old-form') words=(file any) ;;
    'kmstool migrate plan --context-text') source='@file' ;;
    'kmstool migrate plan --contexts') source='file' ;;
    'kmstool migrate plan --manifest') source='file' ;;
    'kmstool migrate plan #'*) source='file' ;;
    'kmstool migrate rollback #0') source='file' ;;
    'kmstool migrate status --html') source='file' ;;
    'kmstool migrate status --merge') source='file' ;;
    'kmstool migrate status #0') source='file' ;;
    'kmstool profile remove #0') source='profiles' ;;
    'kmstool profile set --credentials') words=(keyring file whitebox environment tccli ini cvm-role tke) ;;
    'kmstool profile set #0') source='profiles' ;;
    'kmstool profile show #0') source='profiles' ;;
    'kmstool profile use #0') source='profiles' ;;
    'kmstool public-key --encoding') words=(pem der base64) ;;
    'kmstool public-key -o') source='file' ;;
    'kmstool public-key --out') source='file' ;;
    'kmstool public-key #0') source='keys' ;;
    'kmstool random --encoding') words=(hex base64 raw) ;;
    'kmstool random -o') source='file' ;;
    'kmstool random --out') source='file' ;;
    'kmstool reencrypt --to') source='keys' ;;
    'kmstool reencrypt --key') source='keys' ;;
    'kmstool reencrypt --context-text') source='@file' ;;
    'kmstool reencrypt --to-context-text') source='@file' ;;
    'kmstool reencrypt -o') source='file' ;;
    'kmstool reencrypt --out') source='file' ;;
    'kmstool reencrypt #0') source='file' ;;
    'kmstool rotate apply #0') source='file' ;;
    'kmstool rotate finish #0') source='file' ;;
    'kmstool rotate plan --from') source='keys' ;;
    'kmstool rotate plan --to') source='keys' ;;
    'kmstool rotate plan -o') source='file' ;;
    'kmstool rotate plan --out') source='file' ;;
    'kmstool rotate plan --context-text') source='@file' ;;
    'kmstool rotate plan --contexts') source='file' ;;
    'kmstool rotate plan --manifest') source='file' ;;
    'kmstool rotate plan #'*) source='file' ;;
    'kmstool rotate rollback #0') source='file' ;;
    'kmstool rotate status --html') source='file' ;;
    'kmstool rotate status --merge') source='file' ;;
    'kmstool rotate status #0') source='file' ;;
    'kmstool sign --key') source='keys' ;;
    'kmstool sign --algorithm') words=(SM2DSA RSA_PSS_SHA_256 RSA_PKCS1_SHA_256 ECC_P256_R1 ECDSA384_SHA384) ;;
    'kmstool sign --digest') words=(auto never always) ;;
    'kmstool sign --message-type') words=(raw digest) ;;
    'kmstool sign -o') source='file' ;;
    'kmstool sign --out') source='file' ;;
    'kmstool sign #0') source='file' ;;
    'kmstool verify --signature') source='file' ;;
    'kmstool verify --key') source='keys' ;;
    'kmstool verify --public-key') source='file' ;;
    'kmstool verify --algorithm') words=(SM2DSA RSA_PSS_SHA_256 RSA_PKCS1_SHA_256 ECC_P256_R1 ECDSA384_SHA384) ;;
    'kmstool verify --message-type') words=(raw digest) ;;
    'kmstool verify --signature-format') words=(auto der raw) ;;
    'kmstool verify #0') source='file' ;;
    'kmstool whitebox bundle --key') source='white-box-keys' ;;
    'kmstool whitebox bundle -o') source='file' ;;
    'kmstool whitebox bundle --out') source='file' ;;
    'kmstool whitebox bundle #0') source='file' ;;
    'kmstool whitebox create --algorithm') words=(AES_256 SM4) ;;
    'kmstool whitebox decrypt --bundle') source='file' ;;
    'kmstool whitebox decrypt --key-file') source='file' ;;
    'kmstool whitebox decrypt --iv') source='@file' ;;
    'kmstool whitebox decrypt --input-encoding') words=(base64 raw) ;;
    'kmstool whitebox decrypt --sdk-lib') source='file' ;;
    'kmstool whitebox decrypt --algorithm') words=(AES_256 SM4) ;;
    'kmstool whitebox decrypt -o') source='file' ;;
    'kmstool whitebox decrypt --out') source='file' ;;
    'kmstool whitebox decrypt #0') source='file' ;;
    'kmstool whitebox delete #0') source='white-box-keys' ;;
    'kmstool whitebox disable #'*) source='white-box-keys' ;;
    'kmstool whitebox download-key -o') source='file' ;;
    'kmstool whitebox download-key --out') source='file' ;;
    'kmstool whitebox download-key #0') source='white-box-keys' ;;
    'kmstool whitebox enable #'*) source='white-box-keys' ;;
    'kmstool whitebox encrypt --key') source='white-box-keys' ;;
    'kmstool whitebox encrypt -o') source='file' ;;
    'kmstool whitebox encrypt --out') source='file' ;;
    'kmstool whitebox encrypt #0') source='file' ;;
    'kmstool whitebox exec --bundle') source='file' ;;
    'kmstool whitebox exec --sdk-lib') source='file' ;;
    'kmstool whitebox exec #'*) source='command' ;;
    'kmstool whitebox renew --to') source='white-box-keys' ;;
    'kmstool whitebox renew --key') source='white-box-keys' ;;
    'kmstool whitebox renew --sdk-lib') source='file' ;;
    'kmstool whitebox renew #0') source='file' ;;
    'kmstool whitebox show #0') source='white-box-keys' ;;
    *' --profile') source='profiles' ;;
    *' --region') words=(ap-guangzhou ap-shanghai ap-beijing ap-chengdu ap-chongqing ap-nanjing ap-hongkong ap-taipei ap-singapore ap-jakarta ap-bangkok ap-mumbai ap-seoul ap-tokyo na-ashburn na-siliconvalley sa-saopaulo eu-frankfurt) ;;
    *' --transport') words=(own sdk) ;;
    *' --format') words=(text json) ;;
    *' >') source='file' ;;
  esac
}

# Bash also cuts words at = : @ > and the like; parts that touch on the command line are put together again.
_kmstool_line() {
  local rest=${COMP_LINE:0:COMP_POINT} word blank touches i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]} touches=
    if [[ -n $COMP_LINE ]]; then
      blank=${rest%%[![:space:]]*}
      [[ $i -gt 0 && -z $blank ]] && touches=yes
      rest=${rest#"$blank"}
      ((i == COMP_CWORD)) && word=$rest
      rest=${rest#"$word"}
    fi
    if [[ -n $touches ]]; then line[${#line[@]} - 1]+=$word; else line+=("$word"); fi
  done
  # Readline replaces what follows the last cut, but for @ from there, and a candidate must not repeat what is kept.
  [[ $word == *[!=:@\<\>\&]* ]] || word=
  [[ $1 != @* ]] || word=$1
  kept=${line[${#line[@]} - 1]}
  kept=${kept%"$word"}
}

_kmstool_walk() {
  local word option
  for word in "${line[@]:1:${#line[@]}-2}"; do
    if ((pending)); then
      ((pending--))
    elif [[ $word =~ $redirection ]]; then
      place='>'
      [[ $word == *[\<\>\&] ]] && pending=1
    elif [[ -z $ended && $word == -- ]]; then
      ended=yes
    elif [[ -z $ended && $word == -?* ]]; then
      place=$word
      for option in "${valued[@]}"; do [[ $option == "$word" ]] && ((++pending)); done
    elif ((${#commands[@]})); then
      path+=" $word" ended=
      _kmstool_command "$path"
    else
      ((++position))
    fi
  done
}

# Names that kmstool found out some time ago; when they are old, it looks again in the background. What lies there is
# only data: it counts if this user owns it, and is put into quotes.
_kmstool_names() {
  local profile=${KMSTOOL_PROFILE-} region=${KMSTOOL_REGION-} stamp=0 index folder file now
  for ((index = 1; index < ${#line[@]} - 1; index++)); do
    case ${line[index]} in
      --profile) profile=${line[index + 1]} ;;
      --profile=*) profile=${line[index]#*=} ;;
      --region) region=${line[index + 1]} ;;
      --region=*) region=${line[index]#*=} ;;
    esac
  done
  [[ $profile$region != *[!A-Za-z0-9._-]* ]] || return
  folder=${XDG_CACHE_HOME-}
  [[ $folder == /* ]] || folder=$HOME/.cache
  folder+=/kmstool
  [[ -z ${KMSTOOL_HOME-} ]] || folder=$KMSTOOL_HOME/cache
  folder+=/completion/${profile:-_}@${region:-_}
  file=$folder/$1
  if [[ -O $folder && -f $file && -O $file && ! -L $file ]]; then
    mapfile -t words <"$file"
    words=("${words[@]%%$'\t'*}")
    read -r stamp <"$folder/stamp" 2>/dev/null
  fi
  [[ $stamp && ${#stamp} -lt 13 && $stamp != *[!0-9]* ]] || stamp=0
  now=${EPOCHSECONDS:-$(date +%s)}
  ((now - stamp > 30 && now - ${_kmstool_asked:-0} > 30)) || return
  _kmstool_asked=$now
  (kmstool completion --refresh ${profile:+--profile "$profile"} ${region:+--region "$region"} </dev/null &>/dev/null &)
}

_kmstool_files() {
  # Readline itself knows best about quotes, ~ and folders; it cannot be asked when more is to be kept than a cut.
  if [[ $kept == "$before" ]] && compopt -o default 2>/dev/null; then return; fi
  local file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    [[ -d $file ]] && file+=/ && compopt -o nospace 2>/dev/null
    words+=("$file")
  done < <(compgen -f -- "$current")
}

_kmstool() {
  local current before='' place='' path=kmstool position=0 pending=0 ended='' kept='' source='' word
  local redirection='^[0-9&]*[<>]'
  local -a line=() commands=() options=() valued=() words=()
  COMPREPLY=()
  _kmstool_line "$2"
  ((${#line[@]} > 1)) || return
  _kmstool_command "$path"
  _kmstool_walk
  current=${line[${#line[@]} - 1]}
  if ((pending)); then
    _kmstool_place "$path $place"
  elif [[ $current =~ $redirection ]]; then
    before=${current%"${current##*[<>&]}"} source='file'
  elif [[ -z $ended && $current == --*=* ]]; then
    before=${current%%=*}=
    _kmstool_place "$path ${before%=}"
  elif [[ -z $ended && $current == -* ]]; then
    words=("${options[@]}")
  elif ((${#commands[@]})); then
    words=("${commands[@]}")
  else
    _kmstool_place "$path #$position"
  fi
  if [[ $source == @file && ${current#"$before"} =~ ^([A-Za-z0-9_]+=)?@ ]]; then before+=${BASH_REMATCH[0]} source='file'; fi
  current=${current#"$before"}
  case $source in
    file) _kmstool_files ;;
    command) if ((position)); then _kmstool_files; else mapfile -t words < <(compgen -A command -- "$current"); fi ;;
    *keys | profiles) _kmstool_names "$source" ;;
  esac
  current=${current#[\"\']}
  for word in "${words[@]}"; do
    [[ $word == "$current"* ]] || continue
    [[ $source != *keys && $source != profiles ]] || printf -v word %q "$word"
    word=$before$word
    COMPREPLY+=("${word#"$kept"}")
  done
}

complete -F _kmstool kmstool

# Completion of kmstool for bash.

_kmstool_command() {
  commands=() options=() valued=()
  case $1 in
    kmstool)
      commands=(api asymmetric auth batch data-key decrypt digest doctor encrypt envelope exec fingerprint import-material init key local material migrate profile public-key random reencrypt rotate shell sign verify whitebox)
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
      options=(--key --algorithm --raw --ciphertext-format -o --out --force -h --help)
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
      options=(--key --in-flight --rate --dask -h --help)
      valued=(--key --in-flight --rate --dask)
      ;;
    'kmstool data-key')
      commands=(blob cancel-deletion describe disable enable generate import list plaintext rename schedule-deletion show)
      options=(-h --help)
      ;;
    'kmstool data-key blob')
      options=(-o --out --force -h --help)
      valued=(-o --out)
      ;;
    'kmstool data-key cancel-deletion')
      options=(-h --help)
      ;;
    'kmstool data-key describe')
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
      options=(--scheme --blob --cipher --raw --trailing-zeros --key --to-plaintext --check -o --out --force -h --help)
      valued=(--scheme --blob --cipher --trailing-zeros --key -o --out)
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
      options=(--key --description -h --help)
      valued=(--key --description)
      ;;
    'kmstool fingerprint import')
      options=(--key --replace -h --help)
      valued=(--key)
      ;;
    'kmstool fingerprint list')
      options=(--key -h --help)
      valued=(--key)
      ;;
    'kmstool fingerprint show')
      options=(-h --help)
      ;;
    'kmstool fingerprint template')
      options=(--key -h --help)
      valued=(--key)
      ;;
    'kmstool fingerprint unbind')
      options=(--key -h --help)
      valued=(--key)
      ;;
    'kmstool import-material')
      options=(--key --algorithm --valid-to --generate --backup --encrypt-backup --passphrase-file --weak --encoding --trim-newline --check --context --context-text -h --help)
      valued=(--key --algorithm --valid-to --backup --passphrase-file --encoding --check --context --context-text)
      ;;
    'kmstool init')
      options=(--local --secret-id --store --passphrase-file --weak --whitebox --no-verify -h --help)
      valued=(--secret-id --store --passphrase-file --whitebox)
      ;;
    'kmstool key')
      commands=(algorithms archive bind cancel-deletion create describe disable enable list rename replace rotate rotation schedule-deletion show tag unarchive unbind)
      options=(-h --help)
      ;;
    'kmstool key algorithms')
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
    'kmstool key describe')
      options=(-h --help)
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
      options=(--host --port --port-file --socket --tls --cert --key --quota --lenient --assume --metadata --web-identity -h --help)
      valued=(--host --port --port-file --socket --cert --key --quota --assume)
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
      options=(--key --algorithm -o --out --force -h --help)
      valued=(--key --algorithm -o --out)
      ;;
    'kmstool material upload')
      options=(--params --valid-to --check --context --context-text -h --help)
      valued=(--params --valid-to --check --context --context-text)
      ;;
    'kmstool material wrap')
      options=(--params --encoding --trim-newline --passphrase-file --raw -o --out --force -h --help)
      valued=(--params --encoding --passphrase-file -o --out)
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
      options=(--to --context --context-text --to-context --to-context-text -o --out --force -h --help)
      valued=(--to --context --context-text --to-context --to-context-text -o --out)
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
      options=(--bundle --key-file --iv --raw --require-mac --sdk-lib --algorithm -o --out --force -h --help)
      valued=(--bundle --key-file --iv --sdk-lib --algorithm -o --out)
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
      options=(--key --no-bind --require-mac --sdk-lib -h --help)
      valued=(--key --sdk-lib)
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
    'kmstool asymmetric decrypt --algorithm') words=(RSAES_OAEP_SHA_256 RSAES_OAEP_SHA_1 RSAES_PKCS1_V1_5) ;;
    'kmstool asymmetric decrypt --ciphertext-format') words=(auto der c1c3c2 c1c2c3) ;;
    'kmstool asymmetric decrypt -o') source='file' ;;
    'kmstool asymmetric decrypt --out') source='file' ;;
    'kmstool asymmetric decrypt #0') source='file' ;;
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
    'kmstool batch decrypt #0') source='file' ;;
    'kmstool batch encrypt #0') source='file' ;;
    'kmstool batch reencrypt #0') source='file' ;;
    'kmstool data-key blob -o') source='file' ;;
    'kmstool data-key blob --out') source='file' ;;
    'kmstool data-key generate --context-text') source='@file' ;;
    'kmstool data-key generate -o') source='file' ;;
    'kmstool data-key generate --out') source='file' ;;
    'kmstool data-key import --blob') source='file' ;;
    'kmstool data-key import #0') source='file' ;;
    'kmstool data-key list --state') words=(enabled disabled pending-delete) ;;
    'kmstool data-key list --origin') words=(kms external) ;;
    'kmstool data-key plaintext -o') source='file' ;;
    'kmstool data-key plaintext --out') source='file' ;;
    'kmstool decrypt --context-text') source='@file' ;;
    'kmstool decrypt -o') source='file' ;;
    'kmstool decrypt --out') source='file' ;;
    'kmstool decrypt #0') source='file' ;;
    'kmstool digest --algorithm') words=(sha256 sha384 sm3 sm2) ;;
    'kmstool digest --public-key') source='file' ;;
    'kmstool digest -o') source='file' ;;
    'kmstool digest --out') source='file' ;;
    'kmstool digest #0') source='file' ;;
    'kmstool encrypt --context-text') source='@file' ;;
    'kmstool encrypt -o') source='file' ;;
    'kmstool encrypt --out') source='file' ;;
    'kmstool encrypt #0') source='file' ;;
    'kmstool envelope decrypt --identity') source='file' ;;
    'kmstool envelope decrypt --context-text') source='@file' ;;
    'kmstool envelope decrypt --detached') source='file' ;;
    'kmstool envelope decrypt -o') source='file' ;;
    'kmstool envelope decrypt --out') source='file' ;;
    'kmstool envelope decrypt #0') source='file' ;;
    'kmstool envelope encrypt --public-key') source='file' ;;
    'kmstool envelope encrypt --context-text') source='@file' ;;
    'kmstool envelope encrypt --suite') words=(aes-256-gcm sm4-gcm) ;;
    'kmstool envelope encrypt --detached') source='file' ;;
    'kmstool envelope encrypt -o') source='file' ;;
    'kmstool envelope encrypt --out') source='file' ;;
    'kmstool envelope encrypt #0') source='file' ;;
    'kmstool envelope import-legacy --scheme') words=(tencent-sample-ecb) ;;
    'kmstool envelope import-legacy --blob') source='file' ;;
    'kmstool envelope import-legacy --cipher') words=(aes sm4) ;;
    'kmstool envelope import-legacy --trailing-zeros') words=(keep strip-block refuse) ;;
    'kmstool envelope import-legacy -o') source='file' ;;
    'kmstool envelope import-legacy --out') source='file' ;;
    'kmstool envelope import-legacy #0') source='file' ;;
    'kmstool envelope inspect --detached') source='file' ;;
    'kmstool envelope inspect #0') source='file' ;;
    'kmstool envelope rewrap --identity') source='file' ;;
    'kmstool envelope rewrap --payload') source='file' ;;
    'kmstool envelope rewrap #'*) source='file' ;;
    'kmstool envelope verify --identity') source='file' ;;
    'kmstool envelope verify --context-text') source='@file' ;;
    'kmstool envelope verify --detached') source='file' ;;
    'kmstool envelope verify #0') source='file' ;;
    'kmstool exec --env') source='@file' ;;
    'kmstool exec --context-text') source='@file' ;;
    'kmstool fingerprint import #0') source='file' ;;
    'kmstool import-material --algorithm') words=(RSAES_OAEP_SHA_256 RSAES_OAEP_SHA_1 RSAES_PKCS1_V1_5) ;;
    'kmstool import-material --backup') source='file' ;;
    'kmstool import-material --passphrase-file') source='file' ;;
    'kmstool import-material --encoding') words=(raw hex base64) ;;
    'kmstool import-material --check') source='file' ;;
    'kmstool import-material --context-text') source='@file' ;;
    'kmstool import-material #0') source='file' ;;
    'kmstool init --store') words=(keyring file) ;;
    'kmstool init --passphrase-file') source='file' ;;
    'kmstool init --whitebox') source='file' ;;
    'kmstool key create --usage') words=(symmetric rsa-2048 sm2 sign-sm2 sign-rsa-2048 sign-rsa-3072 sign-ecc sign-ecc-p384 kyber dilithium) ;;
    'kmstool key list --state') words=(enabled disabled pending-delete pending-import archived) ;;
    'kmstool key list --usage') words=(symmetric rsa-2048 sm2 sign-sm2 sign-rsa-2048 sign-rsa-3072 sign-ecc sign-ecc-p384 kyber dilithium) ;;
    'kmstool key list --origin') words=(kms external) ;;
    'kmstool key list --owner') words=(user product) ;;
    'kmstool key rotation #0') words=(on off status) ;;
    'kmstool local backup #0') source='file' ;;
    'kmstool local clock #0') words=(show advance set reset) ;;
    'kmstool local export -o') source='file' ;;
    'kmstool local export --out') source='file' ;;
    'kmstool local protect --passphrase-file') source='file' ;;
    'kmstool local protect #0') words=(file keyring passphrase) ;;
    'kmstool local restore #0') source='file' ;;
    'kmstool local seed #0') source='file' ;;
    'kmstool local serve --port-file') source='file' ;;
    'kmstool local serve --cert') source='file' ;;
    'kmstool local serve --key') source='file' ;;
    'kmstool material params --algorithm') words=(RSAES_OAEP_SHA_256 RSAES_OAEP_SHA_1 RSAES_PKCS1_V1_5) ;;
    'kmstool material params -o') source='file' ;;
    'kmstool material params --out') source='file' ;;
    'kmstool material upload --params') source='file' ;;
    'kmstool material upload --check') source='file' ;;
    'kmstool material upload --context-text') source='@file' ;;
    'kmstool material upload #0') source='file' ;;
    'kmstool material wrap --params') source='file' ;;
    'kmstool material wrap --encoding') words=(raw hex base64) ;;
    'kmstool material wrap --passphrase-file') source='file' ;;
    'kmstool material wrap -o') source='file' ;;
    'kmstool material wrap --out') source='file' ;;
    'kmstool material wrap #0') source='file' ;;
    'kmstool migrate plan -o') source='file' ;;
    'kmstool migrate plan --out') source='file' ;;
    'kmstool migrate plan --old-form') words=(file any) ;;
    'kmstool migrate plan --context-text') source='@file' ;;
    'kmstool migrate plan --contexts') source='file' ;;
    'kmstool migrate plan --manifest') source='file' ;;
    'kmstool migrate status --html') source='file' ;;
    'kmstool migrate status --merge') source='file' ;;
    'kmstool profile set --credentials') words=(keyring file whitebox environment tccli ini cvm-role tke) ;;
    'kmstool public-key --encoding') words=(pem der base64) ;;
    'kmstool public-key -o') source='file' ;;
    'kmstool public-key --out') source='file' ;;
    'kmstool random --encoding') words=(hex base64 raw) ;;
    'kmstool random -o') source='file' ;;
    'kmstool random --out') source='file' ;;
    'kmstool reencrypt --context-text') source='@file' ;;
    'kmstool reencrypt --to-context-text') source='@file' ;;
    'kmstool reencrypt -o') source='file' ;;
    'kmstool reencrypt --out') source='file' ;;
    'kmstool reencrypt #0') source='file' ;;
    'kmstool rotate plan -o') source='file' ;;
    'kmstool rotate plan --out') source='file' ;;
    'kmstool rotate plan --context-text') source='@file' ;;
    'kmstool rotate plan --contexts') source='file' ;;
    'kmstool rotate plan --manifest') source='file' ;;
    'kmstool rotate status --html') source='file' ;;
    'kmstool rotate status --merge') source='file' ;;
    'kmstool sign --digest') words=(auto never always) ;;
    'kmstool sign --message-type') words=(raw digest) ;;
    'kmstool sign -o') source='file' ;;
    'kmstool sign --out') source='file' ;;
    'kmstool sign #0') source='file' ;;
    'kmstool verify --signature') source='file' ;;
    'kmstool verify --public-key') source='file' ;;
    'kmstool verify --message-type') words=(raw digest) ;;
    'kmstool verify --signature-format') words=(auto der raw) ;;
    'kmstool verify #0') source='file' ;;
    'kmstool whitebox bundle -o') source='file' ;;
    'kmstool whitebox bundle --out') source='file' ;;
    'kmstool whitebox bundle #0') source='file' ;;
    'kmstool whitebox create --algorithm') words=(AES_256 SM4) ;;
    'kmstool whitebox decrypt --bundle') source='file' ;;
    'kmstool whitebox decrypt --key-file') source='file' ;;
    'kmstool whitebox decrypt --iv') source='@file' ;;
    'kmstool whitebox decrypt --sdk-lib') source='file' ;;
    'kmstool whitebox decrypt --algorithm') words=(AES_256 SM4) ;;
    'kmstool whitebox decrypt -o') source='file' ;;
    'kmstool whitebox decrypt --out') source='file' ;;
    'kmstool whitebox decrypt #0') source='file' ;;
    'kmstool whitebox download-key -o') source='file' ;;
    'kmstool whitebox download-key --out') source='file' ;;
    'kmstool whitebox encrypt -o') source='file' ;;
    'kmstool whitebox encrypt --out') source='file' ;;
    'kmstool whitebox encrypt #0') source='file' ;;
    'kmstool whitebox exec --bundle') source='file' ;;
    'kmstool whitebox exec --sdk-lib') source='file' ;;
    'kmstool whitebox renew --sdk-lib') source='file' ;;
    'kmstool whitebox renew #0') source='file' ;;
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
  if [[ $source == @file && ${current#"$before"} == @* ]]; then before+=@ source='file'; fi
  current=${current#"$before"}
  [[ $source == file ]] && _kmstool_files
  current=${current#[\"\']}
  for word in "${words[@]}"; do
    [[ $word == "$current"* ]] && word=$before$word && COMPREPLY+=("${word#"$kept"}")
  done
}

complete -F _kmstool kmstool

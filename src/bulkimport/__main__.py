from bulkimport.cli.main import main

main()

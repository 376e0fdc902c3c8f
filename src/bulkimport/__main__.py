from bulkimport.cli import main

main()
